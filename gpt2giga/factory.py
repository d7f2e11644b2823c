"""create_app: the only module that knows all parts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING

from flask import Blueprint, Flask
from werkzeug.routing import MapAdapter

from gpt2giga.batches.run import Place
from gpt2giga.batches.runner import Runner
from gpt2giga.chat import HostedTool
from gpt2giga.config.settings import KEY_IS_MISSING, ServerSettings, Settings
from gpt2giga.config.speech import SALUTESPEECH
from gpt2giga.dialects.anthropic import views as anthropic
from gpt2giga.dialects.gemini import views as gemini
from gpt2giga.dialects.ollama import views as ollama
from gpt2giga.dialects.openai import audio_views
from gpt2giga.dialects.openai import views as openai
from gpt2giga.dialects.openai.batch_views import batches_blueprint
from gpt2giga.dialects.openai.file_views import files_blueprint, Kept
from gpt2giga.dialects.responses import views as responses
from gpt2giga.dialects.responses.background_runner import BackgroundRunner
from gpt2giga.dialects.responses.kept_store import NO_FOLDER
from gpt2giga.dialects.responses.request import from_input_at_chat
from gpt2giga.openapi import views as description
from gpt2giga.store.accounts import StoredAccounts
from gpt2giga.store.batches import Batches
from gpt2giga.store.choice import database_of, exists, key_store_of
from gpt2giga.store.database import Database
from gpt2giga.store.files import LocalFiles
from gpt2giga.store.leases import Leases
from gpt2giga.telemetry import log_format
from gpt2giga.telemetry.known_models import KnownModels
from gpt2giga.telemetry.packages import PackageWatch
from gpt2giga.telemetry.request_log import RequestLog
from gpt2giga.telemetry.usage import UsageCounter
from gpt2giga.ui import views as ui
from gpt2giga.upstream.gigachat import GetUpstream
from gpt2giga.upstream.pool.accounts import Accounts
from gpt2giga.upstream.speech.salutespeech import SaluteSpeech, speech_of
from gpt2giga.web import auth, body, errors, exchange, health, models, origins
from gpt2giga.web.admission import Admission
from gpt2giga.web.answering_model import name_model
from gpt2giga.web.capacity import Capacity, watch_client
from gpt2giga.web.converse import Conversation
from gpt2giga.web.embedding import Embedder
from gpt2giga.web.file_owners import FileOwners
from gpt2giga.web.key_limits import KeyLimits
from gpt2giga.web.keyring import Keyring
from gpt2giga.web.remembered_embeddings import EmbeddingStore

if TYPE_CHECKING:
    from gpt2giga.telemetry.metrics import Metrics

# The last is for requests that none of the others claims.
ERROR_FORMS = (anthropic.ERROR_FORM, gemini.ERROR_FORM, openai.OPENCLAW_ERROR_FORM, openai.ERROR_FORM)
MODELS_FORMS = (anthropic.MODELS_FORM, gemini.MODELS_FORM, openai.MODELS_FORM)

# Lines of a batch at the same time where the account has no limit, and at most.
MOST_AT_ONCE = 10

log = logging.getLogger(__name__)


def create_app(settings: Settings, *, behind_web_server: bool = False) -> Flask:
    """Raises SettingsError. Talks to nobody: the first request asks for the first token.

    behind_web_server: it decides who can reach us, whatever GPT2GIGA_HOST says.
    """
    server, limits = settings.server, settings.limits
    log_format.configure(server)
    known = KnownModels(settings.account.model, settings.translation)
    metrics = _metrics(settings, known)
    app = _application()
    database = database_of(settings.store)
    app.extensions["usage"] = usage = UsageCounter(database, known)
    stored = StoredAccounts(settings.store, database) if database and not server.sandbox else None
    app.extensions["accounts"] = accounts = Accounts(settings, metrics or known, stored)
    keyring = Keyring(server.api_key, None if server.pass_token else key_store_of(settings.store, database))
    owners = FileOwners(database, settings.store)
    may_call = origins.allowed_origins(server.cors_origins)
    app.extensions["capacity"] = capacity = Capacity(limits.max_open_requests)
    app.extensions["admission"] = admission = Admission(
        keyring,
        None if server.pass_token or database is None else KeyLimits(database),
        owners,
        _without_key(settings, may_call, behind_web_server=behind_web_server or bool(server.trusted_proxies)),
        (capacity.admit, body.read, watch_client),
    )
    exchange.init_app(
        app,
        server,
        limits,
        opening=admission,
        answering=[
            *([metrics.count_stream] if metrics else []),
            body.discard_rest,
            *([name_model] if settings.translation.fallback else []),
            origins.cors(may_call, all_alike="*" in server.cors_origins),
        ],
        observers=[RequestLog(settings, accounts.own_accounts).write, usage.add, *([metrics.add] if metrics else [])],
    )
    errors.init_app(app, (ollama.ERROR_FORM, *ERROR_FORMS) if server.ollama else ERROR_FORMS)
    app.extensions["packages"] = packages = _package_watch(accounts, usage, metrics)
    app.extensions["speech"] = speech = speech_of(settings)
    known.on_model_known(SALUTESPEECH)
    kept = _kept(app, settings, database, accounts)
    _register_views(app, settings, _upstream_getter(accounts), usage, packages, speech, keyring, owners, kept)
    if metrics:
        sees_all = partial(_sees_all, server, keyring)
        app.register_blueprint(metrics.blueprint(sees_all, packages.look))
    return app


def _application() -> Flask:
    """Before anything is put into it, and quicker than Flask's own."""
    app = Flask("gpt2giga", static_folder=None)
    # Nothing here is a coroutine, and Flask would look at each hook of each request.
    app.ensure_sync = lambda func: func  # type: ignore[method-assign]
    # Our routes are paths and nothing else; for them Flask would take the Host header apart, twice a request.
    app.create_url_adapter = lambda request: (  # type: ignore[method-assign]
        MapAdapter(app.url_map, "", "", "", "", request.path, request.method) if request else None
    )
    app.request_class = body.RequestInMemory
    app.url_map.strict_slashes = False
    app.wsgi_app = body.mending_paths(app.wsgi_app)  # type: ignore[method-assign, assignment]
    return app


def _sees_all(server: ServerSettings, keyring: Keyring, name: str) -> bool:
    return not keyring.asks_for_key or server.is_admin(name)


def _package_watch(accounts: Accounts, usage: UsageCounter, metrics: Metrics | None) -> PackageWatch:
    on_read = metrics.set_packages if metrics else None
    watch = PackageWatch(accounts.packages, usage.database, on_read=on_read, on_growth=accounts.note_growth)
    usage.beside = watch.look
    return watch


def _without_key(
    settings: Settings, may_call: Callable[[str], bool], *, behind_web_server: bool
) -> Callable[[exchange.Exchange], None]:
    """Where nobody is asked for a key of this service."""
    server = settings.server
    if server.pass_token:
        return auth.account_checker(settings.account)
    if (behind_web_server or server.is_public) and server.lacks_key:
        if not settings.store.may_hold_keys:
            log.warning("%s", KEY_IS_MISSING)
        return auth.refuse_all
    # No key is looked at then: clients send dummies when they are made to send something.
    return origins.guard(server, may_call)


def _kept(app: Flask, settings: Settings, database: Database | None, accounts: Accounts) -> Kept | None:
    """What outlives its request and is worked on without a client; None where nothing can."""
    app.extensions["leases"] = app.extensions["batches"] = None
    own = accounts.own_accounts
    if database is None or own is None:
        return None
    most_bytes = settings.store.batch_files_size
    app.extensions["leases"] = leases = Leases(database)
    files, batches = LocalFiles(database, most_bytes), Batches(database, leases, most_bytes)

    def at_once() -> int:
        return min(own.most_slots or MOST_AT_ONCE, MOST_AT_ONCE)

    place = Place(app, batches, files, settings.limits.max_json_values, at_once)
    app.extensions["batches"] = runner = Runner(
        place, leases, partial(exists, settings.store), is_shared=bool(settings.store.database_url)
    )
    app.extensions["admission"].on_first = partial(_take_up, app)
    return Kept(files, batches, runner.wake)


def _take_up(app: Flask) -> None:
    """What others have left."""
    for name in ("batches", "background"):
        app.extensions[name].wake()


def _upstream_getter(accounts: Accounts) -> GetUpstream:
    own = accounts.own_accounts
    return (lambda: own.current) if own else lambda: accounts.of(exchange.current().key)


def _register_views(
    app: Flask,
    settings: Settings,
    get_upstream: GetUpstream,
    usage: UsageCounter,
    packages: PackageWatch,
    speech: SaluteSpeech | None,
    keyring: Keyring,
    owners: FileOwners,
    kept: Kept | None,
) -> None:
    server, translation, model = settings.server, settings.translation, settings.account.model
    tells_filter = translation.blacklist_finish_reason == "content_filter"
    conversation = Conversation(get_upstream, settings.limits.heartbeat, owners, tells_filter=tells_filter)
    # What is too long may become another vector by another setting.
    scope = (settings.account.base_url, translation.embeddings_overflow)
    remembered = EmbeddingStore(usage.database, settings.store.embeddings_size, *scope)
    embedder = Embedder(get_upstream, remembered, normalizes=translation.embeddings_normalize)
    why_not = auth.NO_ACCOUNT_IS_KEPT if server.pass_token else f"Batches are not kept here: {NO_FOLDER}."
    for blueprint in (
        health.blueprint(settings.backend, get_upstream, ui.page if server.ui else lambda: None),
        _chat_completions(settings, get_upstream, conversation),
        openai.blueprint(translation.tokenizer_file, model, get_upstream, embedder),
        openai.moderations_blueprint(get_upstream),
        files_blueprint(get_upstream, owners, kept, why_not),
        batches_blueprint(kept, why_not),
        audio_views.audio_blueprint(get_upstream, conversation, speech),
        models.blueprint(get_upstream, MODELS_FORMS),
        _responses(app, settings, usage.database, get_upstream, conversation),
        anthropic.blueprint(translation, model, get_upstream, conversation),
        gemini.blueprint(translation, get_upstream, conversation, embedder),
    ):
        # Guides point clients at the root as often as at /v1.
        app.register_blueprint(blueprint)
        app.register_blueprint(blueprint, name=f"v1_{blueprint.name}", url_prefix="/v1")
    if server.ollama:
        app.register_blueprint(ollama.blueprint(model, get_upstream, conversation, embedder))

    def asks_for_key() -> bool:
        return server.pass_token or keyring.asks_for_key

    app.register_blueprint(description.blueprint(settings.limits, asks_for_key))
    if server.ui:
        shown = ui.blueprint(server, settings.default_models, get_upstream, usage, packages, asks_for_key)
        app.register_blueprint(shown)


def _chat_completions(settings: Settings, get_upstream: GetUpstream, conversation: Conversation) -> Blueprint:
    translation = settings.translation

    def hosted_tools(model: str) -> Collection[HostedTool]:
        return get_upstream().hosted_tools(model)

    ignore_hosted = translation.ignore_hosted_tools
    read_responses = partial(from_input_at_chat, ignore_hosted=ignore_hosted, hosted_tools=hosted_tools)
    return openai.chat_blueprint(translation, settings.account.model, conversation, read_responses, hosted_tools)


def _responses(
    app: Flask, settings: Settings, database: Database | None, get_upstream: GetUpstream, conversation: Conversation
) -> Blueprint:
    leases = app.extensions["leases"]
    stores = responses.open_stores(settings.store, database, leases)
    is_there, is_shared = partial(exists, settings.store), bool(settings.store.database_url)
    runner = BackgroundRunner(app, stores.background, leases, is_there, is_shared=is_shared) if leases else None
    app.extensions["background"] = runner
    return responses.blueprint(settings.translation, settings.account.model, stores, runner, get_upstream, conversation)


def _metrics(settings: Settings, known: KnownModels) -> Metrics | None:
    if not settings.server.metrics:
        return None
    from gpt2giga.telemetry.metrics import Metrics  # only now, for it loads a library of its own

    return Metrics(known)
