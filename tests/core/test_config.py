import pytest

from holdfast.core.config import resolve
from holdfast.core.errors import UsageError
from holdfast.verbs.stress import StressSettings


def test_flags_beat_the_file_and_both_are_named(tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text("model: guild\nseeds: 2\nbatch-size: 8\n")
    settings, origins = resolve(StressSettings, {"seeds": 3}, config)
    assert (settings.seeds, settings.batch_size) == (3, 8)
    assert origins == {"model": str(config), "batch_size": str(config), "seeds": "flag"}


def test_an_unknown_key_names_the_nearest(tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text("regimee: explicit\n")
    with pytest.raises(UsageError) as caught:
        resolve(StressSettings, {}, config)
    assert "regimee" in str(caught.value) and "`regime`" in caught.value.hint


def test_every_fault_is_reported_at_once(tmp_path):
    with pytest.raises(UsageError) as caught:
        resolve(StressSettings, {"model": "guild", "dtype": "int3", "seeds": "many"})
    assert "--dtype" in str(caught.value) and "--seeds" in str(caught.value)


@pytest.mark.parametrize("text", ["just words", "a: [1", "- 1\n- 2\n"])
def test_a_file_that_holds_no_settings_is_an_error(tmp_path, text):
    config = tmp_path / "c.yaml"
    config.write_text(text)
    with pytest.raises(UsageError):
        resolve(StressSettings, {}, config)
