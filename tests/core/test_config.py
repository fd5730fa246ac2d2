import pytest

from holdfast.api.repair_settings import RepairSettings
from holdfast.api.stress_settings import StressSettings
from holdfast.core.config import FIRST_PANEL, flag_names, in_order, names_in_yaml, resolve
from holdfast.core.errors import UsageError


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


@pytest.mark.parametrize("key", ["repair", "method"])
def test_a_flag_and_its_alias_are_keys_of_the_file(tmp_path, key):
    config = tmp_path / "c.yaml"
    config.write_text(f"base: guild\ntuned: ./tuned\n{key}: [wise-ft]\njson: true\n")
    settings, origins = resolve(RepairSettings, {}, config)
    assert (settings.method, settings.json_output) == (["wise-ft"], True)
    assert origins["method"] == str(config)


def test_a_setting_under_two_names_is_an_error(tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text("base: guild\ntuned: ./tuned\nrepair: [wise-ft]\nmethod: [resta]\n")
    with pytest.raises(UsageError, match="two names"):
        resolve(RepairSettings, {}, config)


@pytest.mark.parametrize("schema", [RepairSettings, StressSettings])
def test_the_first_panel_is_short_and_no_name_means_two_settings(schema):
    order = in_order(schema)
    assert [name for name, _ in order] != list(schema.model_fields) and {n for n, _ in order} == {*schema.model_fields}
    options = [(name, panel) for name, panel in order if name not in ("base", "tuned", "model")]
    assert len([name for name, panel in options if panel is None]) <= FIRST_PANEL
    said = [flag for name, info in schema.model_fields.items() for flag in flag_names(name, info)]
    assert len(said) == len(set(said)) and set(names_in_yaml(schema).values()) == set(schema.model_fields)
