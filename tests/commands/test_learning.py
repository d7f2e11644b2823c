"""What is learned of accounts of different character is what they are, over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpt2giga.chat import ChatRequest, Message, Text, Tool, ToolCall
from gpt2giga.commands.command_line import CommandLine
from gpt2giga.commands.learn_report import markdown
from gpt2giga.commands.learning import Learning, Outcome
from gpt2giga.concurrency.waiting import run_to_end
from gpt2giga.upstream.accounts.slots import Slots
from gpt2giga.upstream.asking import Asker
from gpt2giga.upstream.client import Upstream
from gpt2giga.upstream.contract.facts import ANY_MODEL, Facts, SCHEMA_KEYWORDS
from gpt2giga.upstream.fact_book import fact_book
from gpt2giga.upstream.learning.plan import OF_CHAT_MODELS, plan, Step
from gpt2giga.upstream.learning.topic import Topic
from gpt2giga.upstream.learning.v1_topics import EFFORT, WINDOW
from gpt2giga.upstream.learning.v2_topics import V2
from gpt2giga_sandbox.character import STRICT, TOLERANT
from gpt2giga_sandbox.server import SandboxServer

MODEL, EMBEDDER = "GigaChat-3-Ultra", "Embeddings"
# What the sandbox calls the same.
NAMES_THERE = {"integer_enums": "enums", "open_objects": "bare_objects"}
V2_SWITCHES = {"v2": True, "result_roles": ("function",)}

Learn = Callable[..., Learning]


@pytest.fixture
def learn(account: dict[str, str], tmp_path: Path) -> Iterator[Learn]:
    """learn(steps, **settings); what was learned before is known."""
    with ExitStack() as stack:

        def learn(steps: list[Step], again: bool = False, **settings: str) -> Learning:
            state = {"GPT2GIGA_STATE_DIR": str(tmp_path / "state")}
            found = CommandLine(None, {**account, **state, **settings}).settings()
            book = fact_book(found)
            asker = stack.enter_context(closing(Asker(found, book.of(ANY_MODEL), pause=0.01)))
            told: list[Outcome] = []
            begun: list[Step] = []
            learning = Learning(asker, book, begun.append, told.append)
            learning.run(steps, again=again)
            assert told == learning.outcomes and learning.is_kept
            assert set(begun) >= {it.step for it in told if it.status in ("learned", "unclear")}
            return learning

        yield learn


def steps(*topics: Topic, model: str = MODEL) -> list[Step]:
    return [Step(topic, model, model) for topic in topics]


def values(learning: Learning) -> dict[str, Any]:
    return {name: value for outcome in learning.outcomes for name, value in outcome.values.items()}


def chats(sandbox: SandboxServer) -> int:
    return len(sandbox.state.chats())


def test_the_strictest_account(learn: Learn, sandbox: SandboxServer) -> None:
    learning = learn(steps(*OF_CHAT_MODELS))
    assert values(learning) == {
        "temperature_zero": False,
        "call_frames": 1,
        "text_beside_call": True,
        "schema_keywords": frozenset(),
        "effort": True,
        "reasoning": False,
        "v2": False,
    }
    assert [outcome.status for outcome in learning.outcomes[-3:]] == ["needless"] * 3
    assert learning.missing == []


def test_beside_a_service_that_is_busy(learn: Learn, account: dict[str, str], tmp_path: Path) -> None:
    """It has all slots of the account, and whoever learns is told to come again."""
    settings = {"GPT2GIGA_RUNTIME_DIR": str(tmp_path), "GPT2GIGA_QUEUE_TIMEOUT": "0.1"}
    found = CommandLine(None, {**account, **settings}).settings()
    slots = Slots(1, found.account.identity, found.server.runtime_folder)
    with run_to_end(slots.acquire(1)):
        [outcome] = learn(steps(EFFORT), **settings).outcomes
    assert (outcome.status, outcome.why) == ("skipped", "the service keeps the account busy: ask when it is idle")


def test_an_account_that_can_all(learn: Learn, sandbox: SandboxServer) -> None:
    sandbox.state.settings.character = replace(TOLERANT, result_roles=("tool",))
    learning = learn(steps(*OF_CHAT_MODELS))
    assert values(learning) == {
        "temperature_zero": True,
        "call_frames": 2,
        "text_beside_call": True,
        "schema_keywords": frozenset(SCHEMA_KEYWORDS),
        "effort": True,
        "reasoning": True,
        "v2": True,
        "result_role": "tool",
        "any_call": True,
        "parallel_calls": True,
        "hosted": frozenset(TOLERANT.tools),
    }
    assert {outcome.status for outcome in learning.outcomes} == {"learned"}


@pytest.mark.parametrize(
    ("switches", "learned"),
    [
        ({"zero_temperature": True}, {"temperature_zero": True}),
        ({"call_frames": 2}, {"call_frames": 2}),
        ({"text_beside_call": False}, {"text_beside_call": False}),
        ({"reasoning_models": ()}, {"effort": False, "reasoning": False}),
        ({"reasoning_content": True}, {"reasoning": True}),
        ({**V2_SWITCHES}, {"v2": True, "result_role": "function", "any_call": False, "parallel_calls": True}),
        ({**V2_SWITCHES, "result_roles": ("tool",)}, {"v2": False}),  # which takes an object there, or text only
        ({**V2_SWITCHES, "result_roles": ("tool",), "result_objects": True}, {"v2": True, "result_role": "tool"}),
        ({**V2_SWITCHES, "any_mode": True}, {"any_call": True}),
        ({**V2_SWITCHES, "parallel_tool_calls": False}, {"parallel_calls": False}),
        ({**V2_SWITCHES, "tools": ("web_search",)}, {"hosted": frozenset({"web_search"})}),
        ({**V2_SWITCHES, "tools": ()}, {"hosted": frozenset()}),
    ],
)
def test_one_switch(learn: Learn, sandbox: SandboxServer, switches: dict[str, Any], learned: dict[str, Any]) -> None:
    sandbox.state.settings.character = replace(STRICT, **switches)
    found = values(learn(steps(*OF_CHAT_MODELS)))
    assert {name: found.get(name) for name in learned} == learned


@pytest.mark.parametrize("keyword", SCHEMA_KEYWORDS)
def test_one_keyword(learn: Learn, sandbox: SandboxServer, keyword: str) -> None:
    """Unions are written with null, for which the sandbox has lists of types."""
    passing = {keyword, "type_lists"} if keyword == "unions" else {keyword}
    schemas = tuple(NAMES_THERE.get(name, name) for name in passing)
    sandbox.state.settings.character = replace(STRICT, schemas=schemas, schema_models=("GigaChat-2",))
    step = [step for model in ("GigaChat-2", MODEL) for step in steps(OF_CHAT_MODELS[3], model=model)]
    learning = learn(step)
    assert [outcome.values["schema_keywords"] for outcome in learning.outcomes] == [passing, frozenset()]


def test_the_account_and_its_embedder(learn: Learn, sandbox: SandboxServer) -> None:
    settings = sandbox.state.settings
    settings.character, settings.max_streams, settings.frame_delay = replace(STRICT, embeddings_batch=100), 2, 0.05
    learning = learn(plan([], [EMBEDDER], account_model=MODEL))
    assert values(learning) == {"slots": 2, "embeddings_batch": 91, "window": 514}
    settings.character, settings.max_streams = replace(STRICT, embeddings_batch=50), 1
    learning = learn(plan([], [EMBEDDER], account_model=MODEL), again=True)
    assert values(learning) == {"slots": 1, "embeddings_batch": 45, "window": 514}
    settings.character, settings.max_streams = STRICT, None
    learning = learn(plan([], [EMBEDDER], account_model=MODEL), again=True)
    assert values(learning) == {"slots": 3, "embeddings_batch": 200, "window": 514}


def test_a_company_is_tried_with_what_it_is_taken_for(learn: Learn, sandbox: SandboxServer) -> None:
    """Three that pass must not make three of ten."""
    sandbox.state.settings.frame_delay = 0.1
    company = {"GIGACHAT_SCOPE": "GIGACHAT_API_CORP"}
    steps = plan([], [], account_model=MODEL, assumed_slots=10)
    assert values(learn(steps, **company)) == {"slots": 10}
    assert sandbox.state.stats()["peak_streams"] == 10
    sandbox.state.settings.max_streams = 6
    assert values(learn(steps, again=True, **company)) == {"slots": 3}


def test_answers_that_do_not_overlap_prove_nothing(learn: Learn, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "да"}, {"text": "да", "delay": 1})
    (outcome,) = learn(plan([], [], account_model=MODEL)).outcomes
    assert outcome.status == "unclear" and "same moment" in outcome.why


def test_the_window(learn: Learn, sandbox: SandboxServer) -> None:
    sandbox.state.settings.character = replace(STRICT, windows={MODEL: 9000, "GigaChat-2": 9000})
    small = learn(steps(WINDOW))
    assert values(small) == {"window": 9000}
    (outcome,) = learn(steps(WINDOW, model="GigaChat-2")).outcomes
    assert outcome.status == "unclear" and "Payload too large" in outcome.why


def test_after_402_the_next_run_asks_what_is_missing(learn: Learn, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "да"}, {"status": 402})
    learning = learn([*steps(*OF_CHAT_MODELS), *steps(EFFORT, model="GigaChat-3-Pro")])
    assert [outcome.status for outcome in learning.outcomes] == ["learned", *["skipped"] * 8, "learned"]
    assert "402: Payment Required" in learning.outcomes[1].why
    asked = chats(sandbox)
    learning = learn([*steps(*OF_CHAT_MODELS), *steps(EFFORT, model="GigaChat-3-Pro")])
    assert learning.missing == [] and learning.outcomes[0].status == learning.outcomes[-1].status == "known"
    assert "temperature" not in [name for chat in sandbox.state.chats()[asked:] for name in chat]
    asked = chats(sandbox)
    assert learn(steps(*OF_CHAT_MODELS)).missing == [] and chats(sandbox) == asked
    learn(steps(OF_CHAT_MODELS[0]), again=True)
    assert chats(sandbox) == asked + 2


def test_429_is_waited_for_once(learn: Learn, sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 429})
    assert learn(steps(EFFORT)).missing == []


def test_429_of_two_at_once_is_an_answer(learn: Learn, sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 429, "times": 4})
    learning = learn([*plan([], [], account_model=MODEL), *steps(EFFORT)])
    assert learning.outcomes[0].values == {"slots": 1} and learning.missing == []


def test_429_that_stays_ends_it(learn: Learn, sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 429, "times": 2})
    learning = learn([*steps(EFFORT, V2), *steps(EFFORT, model="GigaChat-2")])
    assert [outcome.status for outcome in learning.outcomes] == ["skipped"] * 3
    assert all("429: Too many requests" in outcome.why for outcome in learning.outcomes)
    assert chats(sandbox) == 2


@pytest.mark.parametrize("step", [{"status": 500}, {"status": 504, "body": "<html>"}, {"reset_after": 0}])
def test_what_is_neither_yes_nor_no_stays_unknown(learn: Learn, sandbox: SandboxServer, step: dict[str, Any]) -> None:
    sandbox.state.script({**step, "times": 2})
    learning = learn(steps(EFFORT, OF_CHAT_MODELS[0]))
    assert [outcome.status for outcome in learning.outcomes] == ["unclear", "unclear"]
    assert all(outcome.why and not outcome.values for outcome in learning.outcomes)


@pytest.mark.parametrize("step", [{"answer": "busy"}, {"answer": {"result": 1}}, {"frames": ['data: {"a": 1}\n\n']}])
def test_what_only_looks_like_an_answer_is_none(learn: Learn, sandbox: SandboxServer, step: dict[str, Any]) -> None:
    """A gateway's page must not make anybody believe that there is no v2, or that temperature 0 is taken."""
    sandbox.state.settings.character = TOLERANT
    sandbox.state.script({**step, "times": 3})
    learning = learn(steps(OF_CHAT_MODELS[0], EFFORT, V2))
    assert [(outcome.status, outcome.values) for outcome in learning.outcomes] == [("unclear", {})] * 3


def test_a_model_that_is_not_open_ends_with_its_first_question(learn: Learn, sandbox: SandboxServer) -> None:
    learning = learn([*steps(EFFORT, V2, model="GigaChat-4"), *steps(EFFORT)])
    assert [outcome.status for outcome in learning.outcomes] == ["skipped", "skipped", "learned"]
    assert "No such model" in learning.outcomes[0].why


def test_a_key_that_is_rejected_ends_it(learn: Learn, sandbox: SandboxServer) -> None:
    sandbox.state.settings.credentials = "b3RoZXI6b3RoZXI="
    sandbox.state.revoke_tokens()
    learning = learn(steps(EFFORT, V2))
    assert {outcome.status for outcome in learning.outcomes} == {"skipped"}
    assert "Authorization Key" in learning.outcomes[0].why


def test_the_report_holds_no_secret(learn: Learn, sandbox: SandboxServer, account: dict[str, str]) -> None:
    sandbox.state.settings.character = TOLERANT
    id, key = "5aa5a5a5-0000-4000-8000-aaaaaaaaaaaa", account["GIGACHAT_CREDENTIALS"]
    words = {"status": 422, "message": f"client {id} with {'ab' * 30} | is <b>wrong</b>"}
    sandbox.state.script({"status": 422, "body": words}, {"text": "да"}, {"status": 422, "body": words})
    learning = learn([*steps(*OF_CHAT_MODELS), *plan([], [EMBEDDER])])
    assert learning.outcomes[1].status == "unclear" and id in learning.outcomes[1].why
    settings = CommandLine(None, account).settings()
    report = markdown(settings.account, learning.outcomes, learning.asker.exchanges)
    tokens = [*sandbox.state.tokens.expires]
    assert tokens
    assert learning.outcomes[1].status == "unclear" and id in learning.outcomes[1].why
    for secret in (key, id, "ab" * 30, *tokens, "Bearer", "Гагарин", "Песочница"):
        assert secret not in report
    for told in (
        f"host {settings.account.host}, scope GIGACHAT_API_PERS",
        f"{MODEL}:32.3.18.5",
        "| GigaChat-3-Ultra | v2: answers on v2 | yes |",
        "422: client … with … \\| is &lt;b>wrong&lt;/b>",
        "response.message.done {",
        "finish_reason=function_call",
        "x-request-id ",
        "(/v2/chat/completions, streamed): 200",
        "**91 texts** (/embeddings): 200",
        "413: Tokens limit exceeded for index 0",
    ):
        assert told in report, told


def test_facts_hold_what_is_asked(learn: Learn) -> None:
    """Whatever a topic promises is a fact, and no two promise the same of one model."""
    promised = [name for topic in OF_CHAT_MODELS for name in topic.facts]
    assert len(set(promised)) == len(promised) and set(promised) <= set(Facts.__dataclass_fields__)


def test_what_is_learned_is_what_the_service_does(
    learn: Learn, sandbox: SandboxServer, account: dict[str, str], tmp_path: Path
) -> None:
    """Two calls in one answer over v2, a schema as it was written, temperature 0 as it is."""
    sandbox.state.settings.character = TOLERANT
    settings = CommandLine(None, {**account, "GPT2GIGA_STATE_DIR": str(tmp_path / "state")}).settings()
    schema = {"type": "object", "properties": {"city": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}
    words = 'weather {"city": "Москва"} и weather {"city": "Омск"}'
    question = ChatRequest(
        MODEL, (Message("user", (Text(words),)),), tools=(Tool("weather", "Погода", schema),), temperature=0
    )

    def calls() -> list[Any]:
        account, limits, translation = settings.account, settings.limits, settings.translation
        with closing(Upstream(account, limits, translation, settings.server, fact_book(settings))) as upstream:
            return [event.arguments for event in upstream.complete(question) if isinstance(event, ToolCall)]

    assert calls() == [{"city": "Москва"}] and sandbox.state.requests("/v2/chat/completions") == []
    assert learn(steps(*OF_CHAT_MODELS)).missing == []
    asked = len(sandbox.state.requests("/v2/chat/completions"))
    assert calls() == [{"city": "Москва"}, {"city": "Омск"}]
    (sent,) = sandbox.state.requests("/v2/chat/completions")[asked:]
    assert sent["json"]["tools"][0]["functions"]["specifications"][0]["parameters"] == schema
    assert sent["json"]["model_options"]["temperature"] == 0
