"""Endpoints as they are: what each answers, complains of and fails at, and what becomes of it."""

import json
import threading
import time
from email.utils import formatdate

import pytest

from endpoint import FakeEndpoint, completion, document, error, message
from holdfast.core import remarks
from holdfast.core.errors import UsageError
from holdfast.models.endpoint import Completion, Endpoint, EndpointDown, EndpointUnreadable
from holdfast.models.endpoint_errors import read_complaint
from holdfast.text.thought import split

HELLO = [{"role": "user", "content": "hello there ?"}]
BRIEFED = [{"role": "system", "content": "be brief ."}, *HELLO]


@pytest.fixture(autouse=True)
def nothing_remarked():
    remarks.forget()


def asked(behaviour, messages=HELLO, tries=3, **options):
    """One completion of an endpoint that behaves so, and what it was sent."""
    with FakeEndpoint(behaviour) as fake:
        return Endpoint(fake.url, "m", tries=tries, backoff_s=0.01).complete(messages, **options), fake.requests


def refused(behaviour, messages=HELLO, tries=2, kind=EndpointDown, **options):
    with FakeEndpoint(behaviour) as fake, pytest.raises(kind) as caught:
        Endpoint(fake.url, "m", tries=tries, backoff_s=0.01).chat_all([messages] * 3, **options)
    return caught.value, fake.requests


def always(answer):
    return lambda n, body: answer


# ---- one reply, in every shape --------------------------------------------------------------------------------------

THINKING = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "yes"}]
WHOLE = {
    "plain": (message(content="yes"), "yes", ""),
    "without a finish reason": (message(None, content="yes"), "yes", ""),
    "parts": (message(content=[{"type": "text", "text": "ye"}, {"type": "text", "text": "s"}]), "yes", ""),
    "parts as bare texts": (message(content=["ye", "s"]), "yes", ""),
    "one part": (message(content={"type": "text", "text": "yes"}), "yes", ""),
    "parts of thought": (message(content=THINKING), "yes", "hm"),
    "a part of reasoning": (
        message(content=[{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "yes"}]),
        "yes",
        "hm",
    ),
    "a tool beside the text": (message("tool_calls", content="yes", tool_calls=[{}]), "yes", ""),
    "reasoning_content": (message(content="yes", reasoning_content="hm"), "yes", "hm"),
    "reasoning": (message(content="yes", reasoning="hm", reasoning_content=None), "yes", "hm"),
    "reasoning_details": (
        message(content="yes", reasoning_details=[{"type": "reasoning.text", "text": "hm"}]),
        "yes",
        "hm",
    ),
    "thinking_blocks": (message(content="yes", thinking_blocks=[{"type": "thinking", "thinking": "hm"}]), "yes", "hm"),
    "refusal": (message(content=None, refusal="I cannot."), "I cannot.", ""),
    "refusal beside empty content": (message(content="", refusal="I cannot."), "I cannot.", ""),
    "a part of refusal": (message(content=[{"type": "refusal", "refusal": "I cannot."}]), "I cannot.", ""),
    "no refusal": (message(content="yes", refusal=None), "yes", ""),
    "nothing said": (message(content=None), "", ""),
    "legacy text": (document(choices=[{"text": "yes", "finish_reason": "stop"}]), "yes", ""),
    "anthropic": (
        document(type="message", stop_reason="end_turn", content=[{"type": "text", "text": "yes"}]),
        "yes",
        "",
    ),
    "null error beside it": (document(error=None, choices=[{"message": {"content": "yes"}}]), "yes", ""),
    "half an emoji": (message(content="yes \ud83d"), "yes \ufffd", ""),
    "a pair of halves": (
        (200, "application/json", '{"choices":[{"message":{"content":"\\ud83d\\ude00"}}]}'),
        "\U0001f600",
        "",
    ),
    "results of a filter that let it pass": (
        document(choices=[{"message": {"content": "yes"}, "content_filter_results": {"hate": {"filtered": False}}}]),
        "yes",
        "",
    ),
    "blank lines before it": ((200, "application/json", "\n\n \n" + completion("yes")[2]), "yes", ""),
}


@pytest.mark.parametrize(("answer", "text", "thought"), WHOLE.values(), ids=WHOLE)
def test_a_reply_is_read_whichever_shape_it_has(answer, text, thought):
    found, requests = asked(always(answer))
    assert found == Completion(text, thought) and len(requests) == 1
    found.text.encode()


FILTERED = {"hate": {"filtered": False}, "violence": {"filtered": True, "severity": "high"}}
BROKEN = {
    "length": (message("length", content="it is"), "it is", "truncated"),
    "max_tokens": (message("max_tokens", content="it is"), "it is", "truncated"),
    "MAX_TOKENS": (message("MAX_TOKENS", content="it is"), "it is", "truncated"),
    "length and nothing": (message("length", content=""), "", "truncated"),
    "reasoning cut off": (message("length", content=None, reasoning_content="hm"), "", "truncated"),
    "reasoning and no reply": (message("stop", content="", reasoning="hm"), "", "truncated"),
    "content_filter": (message("content_filter", content=None), "", "blocked"),
    "content_filter and a beginning": (message("content_filter", content="it is"), "it is", "blocked"),
    "gemini": (message("SAFETY", content=None), "", "blocked"),
    "gemini through the compatible door": (message("content_filter: PROHIBITED_CONTENT", content=""), "", "blocked"),
    "a router's native reason": (
        document(choices=[{"finish_reason": "stop", "native_finish_reason": "SAFETY", "message": {"content": ""}}]),
        "",
        "blocked",
    ),
    "guardrail": (message("guardrail_intervened", content=""), "", "blocked"),
    "sensitive": (message("sensitive", content=""), "", "blocked"),
    "anthropic's refusal": (document(type="message", stop_reason="refusal", content=[]), "", "blocked"),
    "empty beside a result": (
        document(choices=[{"finish_reason": "stop", "message": {"content": ""}, "content_filter_results": FILTERED}]),
        "",
        "blocked",
    ),
    "no choices beside a result": (
        document(choices=[], prompt_filter_results=[{"content_filter_results": FILTERED}]),
        "",
        "blocked",
    ),
    "a choice without a message": (document(choices=[{"index": 0, "finish_reason": "content_filter"}]), "", "blocked"),
    "an empty reply beside a filtered prompt": (
        document(choices=[{"message": {"content": ""}}], prompt_filter_results=[{"content_filter_results": FILTERED}]),
        "",
        "blocked",
    ),
    "prompt feedback": (document(promptFeedback={"blockReason": "SAFETY"}), "", "blocked"),
    "a tool after reasoning": (message("tool_calls", content=None, reasoning="hm", tool_calls=[{}]), "", "error"),
    "a tool and no word": (message("tool_calls", content=None, tool_calls=[{"type": "function"}]), "", "error"),
}


@pytest.mark.parametrize(("answer", "text", "status"), BROKEN.values(), ids=BROKEN)
def test_a_reply_that_is_not_whole_says_so(answer, text, status):
    found, requests = asked(always(answer))
    assert (found.text, found.status) == (text, status) and found.why and len(requests) == 1


def events(*chunks, done=True):
    lines = [f"data: {json.dumps(chunk)}" for chunk in chunks]
    return 200, "text/event-stream", "\n\n".join([": processing", *lines, *(["data: [DONE]"] if done else [])]) + "\n\n"


def delta(finish=None, **fields):
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


STREAM = [delta(role="assistant", content=""), delta(reasoning_content="h"), delta(reasoning_content="m"),
          delta(content="y\u2028"), delta(content="es"), delta("stop"), {"choices": [], "usage": {}}]  # fmt: skip


def test_a_stream_is_put_together_though_none_was_asked_for():
    assert asked(always(events(*STREAM)))[0] == Completion("y\u2028es", "hm")
    assert asked(always(events(delta("length", content="it"))))[0].status == "truncated"
    assert asked(always(events(delta("content_filter"))))[0].status == "blocked"


def test_a_stream_that_breaks_off_or_ends_in_an_error_is_asked_for_again():
    broken = (events(*STREAM[:4], done=False), events(STREAM[0], {"error": {"message": "overloaded"}}))
    found, requests = asked(lambda n, body: broken[n - 1] if n < 3 else completion("yes"))
    assert found.text == "yes" and len(requests) == 3


def test_an_endpoint_that_only_streams_is_asked_for_a_stream():
    def behaviour(n, body):
        return events(*STREAM) if body.get("stream") else error(400, "This model only supports stream mode")

    assert asked(behaviour)[0].text == "y\u2028es"


def test_a_thought_in_the_text_is_left_to_the_reader_of_thoughts():
    text = asked(always(completion("<think>hm</think>yes")))[0].text
    assert split(text).answer == "yes"


# ---- a filter before the model --------------------------------------------------------------------------------------

STOPPED = {
    "azure": error(
        400,
        "The response was filtered due to the prompt triggering our policy",
        code="content_filter",
        innererror={"code": "ResponsibleAIPolicyViolation"},
    ),
    "code alone": error(400, "", code="content_policy_violation"),
    "a gateway's class": error(400, "litellm.ContentPolicyViolationError: stopped", code="400"),
    "a gateway's own guardrail": error(400, "Violated guardrail policy"),
    "moderation of a router": document(
        403,
        error={
            "code": 403,
            "message": "Input was flagged",
            "metadata": {"reasons": ["violence"], "flagged_input": "hello there"},
        },
    ),
    "invalid_prompt": error(
        400, "your prompt was flagged as potentially violating our usage policy", code="invalid_prompt"
    ),
    "inspection": error(400, "Input data may contain inappropriate content.", code="data_inspection_failed"),
    "risk": error(400, "Content Exists Risk", type="invalid_request_error"),
    "in a body of status 200": error(200, "the content filter stopped it", code=400),
    "wrapped by a provider": document(
        400,
        error={
            "message": "Provider returned error",
            "code": 400,
            "metadata": {"raw": '{"error": {"message": "no", "code": "content_filter"}}'},
        },
    ),
    "as a server error": error(500, "litellm.ContentPolicyViolationError: the content filter stopped it"),
    "detail alone": document(400, detail="Your request was rejected by our safety system."),
    "in a list": (
        400,
        "application/json",
        '[{"error": {"message": "prohibited content", "status": "INVALID_ARGUMENT"}}]',
    ),
}


def test_a_prompt_about_filters_that_an_error_repeats_is_no_word_of_a_filter():
    about = [{"role": "user", "content": "how does the content filter of a safety system work ?"}]
    said = "cannot read the messages: how does the content filter of a safety system work ?"
    found = read_complaint(400, {"error": {"message": said}}, about)
    assert not found.blocked and "cannot read the messages" in found.quoted
    assert read_complaint(400, {"error": {"message": said}}, HELLO).blocked


@pytest.mark.parametrize("answer", STOPPED.values(), ids=STOPPED)
def test_a_prompt_that_a_filter_stops_is_blocked_and_nothing_else_is(answer):
    found, requests = asked(always(answer))
    assert (found.text, found.status) == ("", "blocked") and "filter" in found.why and len(requests) == 1


WHOLE_FAULTS = {
    "key": (error(401, "Incorrect API key provided: sk-abcdefghijklmnop"), "Incorrect API key", "OPENAI_API_KEY"),
    "no right": (
        error(403, "You are not allowed to sample from this model"),
        "not allowed to sample",
        "OPENAI_API_KEY",
    ),
    "account": (
        error(403, "Your account was suspended for violating our usage policies"),
        "suspended",
        "OPENAI_API_KEY",
    ),
    "no credit": (error(402, "Insufficient credits"), "Insufficient credits", "credit"),
    "quota": (error(429, "You exceeded your quota", code="insufficient_quota"), "exceeded your quota", "credit"),
    "no model": (error(404, "The model `m` does not exist"), "does not exist", "model's name"),
    "no endpoint for a data policy": (
        error(404, "No endpoints found matching your data policy"),
        "data policy",
        "name",
    ),
    "ollama": (document(404, error="model 'm' not found"), "not found", "name"),
    "tgi": (
        document(422, error="Input validation error: too many inputs", error_type="validation"),
        "too many inputs",
        "own",
    ),
    "fastapi": (document(422, detail=[{"loc": ["body", "n"], "msg": "field required"}]), "field required", "own"),
    "vllm": (
        document(400, object="error", message="the maximum context length is 8 tokens", code=400),
        "context length",
        "--max-new-tokens",
    ),
    "html": (
        (403, "text/html", "<html><head><title>Attention Required</title></head><body>x</body></html>"),
        "“Attention Required”",
        "OPENAI_API_KEY",
    ),
    "moved": ((301, "text/html", "", {"location": "https://example.org/v1?key=planted-secret"}), "moved", "/v1"),
    "an error that stays in 200": (error(200, "the provider failed", code=502), "the provider failed", "running"),
    "a key that is wrong in 200": (error(200, "Invalid key", code=401), "Invalid key", "OPENAI_API_KEY"),
    "a server error": (error(500, "out of memory"), "status 500: “out of memory”", "running"),
    "busy": (error(503, "Loading model"), "Loading model", "running"),
}


@pytest.mark.parametrize(("answer", "says", "hint"), WHOLE_FAULTS.values(), ids=WHOLE_FAULTS)
def test_a_fault_of_the_whole_stops_with_the_endpoints_own_reason(answer, says, hint):
    found, _ = refused(always(answer))
    assert says in str(found) and hint in found.hint
    assert "sk-abc" not in str(found) and "planted-secret" not in str(found)


@pytest.mark.parametrize(
    "answer",
    [
        (200, "text/html", "<html>hi</html>"),
        document(),
        document(choices=[]),
        completion(5),
        (200, "application/json", '{"choices": [{"mess'),
        (200, "application/json", "[" * 5000),
    ],
)
def test_what_is_no_completion_is_said_to_be_none(answer):
    found, requests = refused(always(answer), kind=(EndpointUnreadable, EndpointDown))
    assert "complet" in str(found) and len(requests) <= 7


def test_a_reason_is_quoted_in_one_short_line_without_control_characters_keys_or_the_prompt(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a-planted-key-1")
    secret = [{"role": "user", "content": "how do i brew the amber curse at dawn ?"}]
    said = "\x1b[31mbad\nreq\u202euest a-planted-key-1: How do I brew the amber curse at DAWN " + "x" * 900
    found, _ = refused(always(error(400, said)), secret)
    text = str(found)
    assert "bad" in text and "\x1b" not in text and "\n" not in text and "\u202e" not in text and len(text) < 450
    assert "a-planted-key-1" not in text and "amber" not in text.lower() and "[what was asked]" in text


# ---- many at once ---------------------------------------------------------------------------------------------------


def questions(count):
    return [[{"role": "user", "content": f"question number {i} ?"}] for i in range(count)]


def all_of(behaviour, count=12, tries=2, workers=4):
    with FakeEndpoint(behaviour) as fake:
        endpoint = Endpoint(fake.url, "m", tries=tries, backoff_s=0.01, workers=workers)
        return endpoint.chat_all(questions(count), temperature=0), fake.requests


SINGLE = {
    "server error": (error(500, "it broke"), "error"),
    "bad gateway": ((502, "text/html", "<title>Bad gateway</title>"), "error"),
    "too long": (error(400, "the maximum context length is 8 tokens"), "error"),
    "reset": (None, "error"),
    "a page": ((200, "text/html", "<html>hi</html>"), "error"),
    "a firewall": ((403, "text/html", "<title>Sorry</title>"), "blocked"),
    "an error in 200": (error(200, "the provider failed", code=502), "error"),
    "a finish reason error": (message("error", content=""), "error"),
}


@pytest.mark.parametrize(("answer", "status"), SINGLE.values(), ids=SINGLE)
def test_a_reply_that_fails_is_its_own_fault_while_others_succeed(answer, status):
    found, _ = all_of(lambda n, body: answer if "number 5 " in str(body) else completion("yes"))
    assert [one.status for one in found] == [status if i == 5 else "" for i in range(12)] and found[5].why


def test_many_in_a_row_that_fail_are_their_own_fault_when_a_harmless_question_is_answered():
    def behaviour(n, body):
        return error(403, "forbidden") if "number" in str(body) else completion("yes")

    found, _ = all_of(behaviour, count=40)
    assert [one.status for one in found] == ["blocked"] * 40


def test_an_endpoint_that_goes_down_is_not_asked_to_the_end():
    requests = []

    def behaviour(n, body):
        requests.append(n)
        return completion("yes") if n <= 10 else error(500, "out of memory")

    with pytest.raises(EndpointDown, match="out of memory"):
        all_of(behaviour, count=200, tries=1)
    assert len(requests) < 40


def test_a_lost_connection_is_tried_again():
    found, requests = asked(lambda n, body: None if n < 3 else completion("yes"))
    assert found.text == "yes" and len(requests) == 3


def test_an_error_in_a_body_of_status_200_is_tried_again():
    assert asked(lambda n, body: error(200, "failed", code=502) if n < 3 else completion("yes"))[0].text == "yes"
    inside = document(
        choices=[{"error": {"code": 502, "message": "failed"}, "finish_reason": "error", "message": {"content": ""}}]
    )
    assert asked(lambda n, body: inside if n < 3 else completion("yes"))[0].text == "yes"
    assert asked(lambda n, body: document(choices=[]) if n < 3 else completion("yes"))[0].text == "yes"


def pauses(monkeypatch):
    """What is slept from now on, and is not slept; the stub's own naps of 0 are none."""
    slept = []
    monkeypatch.setattr("holdfast.models.endpoint.time.sleep", lambda seconds: seconds and slept.append(seconds))
    return slept


WAITS = {
    "seconds": "1",
    "a fraction": "0.7",
    "a date": formatdate(time.time() + 3600, usegmt=True),
    "in the past": formatdate(0),
    "negative": "-3",
    "no number": "soon",
    "not a number": "nan",
    "endless": "inf",
    "far": "9" * 400,
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_the_endpoint_says_how_long_to_wait(wait, monkeypatch):
    slept = pauses(monkeypatch)
    busy = (429, "application/json", '{"error": {"message": "slow down"}}', {"retry-after": wait})
    assert asked(lambda n, body: busy if n == 1 else completion("yes"))[0].text == "yes"
    expected = {"1": 1.0, "0.7": 0.7, WAITS["a date"]: 60.0}.get(wait)
    assert len(slept) == 1 and (slept[0] == pytest.approx(expected) if expected else slept[0] < 0.1)


def test_a_wait_in_milliseconds_is_understood_and_none_follows_the_last_try(monkeypatch):
    slept = pauses(monkeypatch)
    busy = (429, "application/json", "{}", {"retry-after-ms": "2500", "retry-after": "3"})
    with pytest.raises(EndpointDown, match="status 429"):
        asked(always(busy), tries=2)
    assert slept == [2.5]


# ---- what an endpoint does not take ---------------------------------------------------------------------------------


def only(takes, complaint):
    """An endpoint that answers what `takes` accepts, and else complains."""
    return lambda n, body: completion("yes") if takes(body) else complaint


ALL = {"temperature": 0, "top_p": 0.9, "seed": 1, "max_tokens": 64}
WITHOUT = {
    "temperature, only 1": (
        "temperature",
        error(
            400,
            "Unsupported value: 'temperature' does not support 0 with this model. Only "
            "the default (1) value is supported.",
            param="temperature",
        ),
    ),
    "temperature, deprecated": ("temperature", error(400, "`temperature` is deprecated for this model.")),
    "top_p beside temperature": (
        "top_p",
        error(400, "`temperature` and `top_p` cannot both be specified for this model."),
    ),
    "seed, extra field": (
        "seed",
        document(422, detail=[{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]),
    ),
    "seed, out of range": ("seed", error(400, "seed must be greater than 1")),
    "seed, in a gateway's words": (
        "seed",
        error(400, "litellm.UnsupportedParamsError: bedrock does not support parameters: ['seed'], for model=m"),
    ),
    "max_tokens": ("max_tokens", document(400, message="Unrecognized request argument supplied: max_tokens")),
}


@pytest.mark.parametrize(("name", "complaint"), WITHOUT.values(), ids=WITHOUT)
def test_a_parameter_that_is_not_taken_is_left_out_for_good_and_said(name, complaint):
    with FakeEndpoint(only(lambda body: name not in body, complaint)) as fake:
        endpoint = Endpoint(fake.url, "m", backoff_s=0.01)
        assert [endpoint.chat(HELLO, **ALL) for _ in range(3)] == ["yes"] * 3
        sent = [name in body for body in fake.requests]
    assert sent == [True, False, False, False]
    assert set(ALL) - set(fake.requests[-1]) == {name}
    assert len(remarks.remarks()) == 1 and fake.url in remarks.remarks()[0]


def test_a_parameter_of_another_name_is_renamed():
    complaint = error(
        400,
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        param="max_tokens",
        code="unsupported_parameter",
    )
    _, requests = asked(only(lambda body: "max_tokens" not in body, complaint), **ALL)
    assert requests[-1]["max_completion_tokens"] == 64 and requests[-1]["temperature"] == 0


def test_an_endpoint_that_wants_a_limit_is_given_one():
    for complaint in (
        error(400, "max_tokens: Field required"),
        error(400, "missing required parameter", param="max_tokens"),
    ):
        _, requests = asked(only(lambda body: "max_tokens" in body, complaint), temperature=0)
        assert requests[-1]["max_tokens"] >= 1024
        assert asked(only(lambda body: "max_tokens" in body, complaint), max_tokens=8)[1][0]["max_tokens"] == 8


def test_several_complaints_are_met_one_after_another():
    def behaviour(n, body):
        if "max_tokens" in body:
            return error(400, "'max_tokens' is not supported. Use 'max_completion_tokens' instead.")
        for name in ("temperature", "top_p"):
            if name in body:
                return error(400, f"Unsupported value: '{name}' is not supported with this model.")
        return error(400, "system role not supported") if body["messages"][0]["role"] == "system" else completion("yes")

    found, requests = asked(behaviour, BRIEFED, **ALL)
    assert found.text == "yes" and len(requests) == 5 and requests[-1]["seed"] == 1


def test_a_temperature_above_0_only_is_one_that_is_almost_0():
    complaint = document(422, error="Input validation error: `temperature` must be strictly positive")
    _, requests = asked(only(lambda body: body.get("temperature", 1) > 0, complaint), temperature=0)
    assert 0 < requests[-1]["temperature"] <= 0.01 and "temperature" in remarks.remarks()[0]


def test_a_value_that_the_user_chose_wrongly_is_quoted_and_not_left_out():
    for name, value, reason in (("temperature", 5, "temperature must be less than or equal to 2"),
                                ("max_tokens", 9999, "max_tokens is too large: at most 4096"),
                                ("max_tokens", 9999, "'max_tokens' or 'max_completion_tokens' is too large: 9999"),
                                ("top_p", 3, "top_p must be between 0 and 1")):  # fmt: skip
        found, _ = refused(always(error(400, reason)), **{name: value})
        assert reason in str(found)
    assert remarks.remarks() == []


def test_a_complaint_that_stays_is_quoted():
    found, _ = refused(always(error(400, "temperature 0 is not supported by this model, only 1")), temperature=0)
    assert "temperature 0 is not supported by this model, only 1" in str(found) and remarks.remarks() == []


NO_SYSTEM = {
    "plainly": error(400, "the system role is not supported by this model"),
    "a template": document(400, object="error", message="System role not supported", code=400),
    "a template, as a server error": error(500, "Jinja Exception: System role not supported"),
    "alternate": error(400, "Conversation roles must alternate user/assistant/user/assistant/..."),
    "only two": error(400, "Only user and assistant roles are supported!"),
    "a value": error(400, "Unsupported value: 'messages[0].role' does not support 'system' with this model."),
    "instruction": error(400, "Developer instruction is not enabled for models/m"),
    "a validator": document(
        422, detail=[{"loc": ["body", "messages", 0, "role"], "msg": "Input should be 'user' or 'assistant'"}]
    ),
    "a schema": error(400, "'system' is not one of ['user', 'assistant'] - 'messages.0.role'"),
    "unexpected": error(422, 'messages: Unexpected role "system". The Messages API accepts a top-level parameter'),
}


@pytest.mark.parametrize("complaint", NO_SYSTEM.values(), ids=NO_SYSTEM)
def test_without_a_system_role_the_system_turn_begins_the_users_first(complaint):
    found, requests = asked(only(lambda body: body["messages"][0]["role"] != "system", complaint), BRIEFED)
    assert found.text == "yes" and len(requests) == 2
    assert requests[-1]["messages"] == [{"role": "user", "content": "be brief .\n\nhello there ?"}]
    assert "system role" in remarks.remarks()[0]


def test_threads_that_learn_at_once_leave_one_remark():
    barrier = threading.Barrier(4, timeout=5)

    def behaviour(n, body):
        if "seed" in body:
            barrier.wait()
            return error(400, "unknown parameter: seed")
        return completion("yes")

    with FakeEndpoint(behaviour) as fake:
        found = Endpoint(fake.url, "m", tries=1, workers=4).chat_all(questions(4), seed=1)
    assert [one.text for one in found] == ["yes"] * 4 and len(remarks.remarks()) == 1


# ---- what is sent ---------------------------------------------------------------------------------------------------


def test_half_a_surrogate_pair_in_a_prompt_is_sent():
    _, requests = asked(always(completion("yes")), [{"role": "user", "content": "so \ud83d"}])
    assert requests[0]["messages"][0]["content"] == "so \ud83d"


def test_a_key_with_a_line_break_is_sent_without_it_and_one_that_cannot_be_sent_is_not_shown(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "planted-key-2\n")
    assert asked(always(completion("yes")))[0].text == "yes"
    monkeypatch.setenv("OPENAI_API_KEY", "planted-k\u00e9y-3")
    with pytest.raises(UsageError) as caught:
        asked(always(completion("yes")))
    assert "planted" not in str(caught.value)
