"""How each parameter of Ollama's requests is supported; `options.x` stands in the object `options`."""

from __future__ import annotations

from collections.abc import Mapping

from gpt2giga.dialects import fields
from gpt2giga.dialects.controls import EXTRAS
from gpt2giga.dialects.parameters import any_integer, any_number, ignored, NO_SUFFIX, Parameter, Typed

AT_ONCE = (0, "0", "0s")
duration = Typed("a duration such as 5m, or seconds", (str, int, float))
KEEP_ALIVE = Parameter("ignored", "GigaChat's models are always loaded; with nothing to answer, 0 unloads", duration)
OF_BOTH: Mapping[str, Parameter] = {
    "model": Parameter("used", "GigaChat's ids and aliases, with or without `:latest`"),
    "stream": Parameter("used", "true unless the request says otherwise"),
    "format": Parameter("emulated", "`json` by an instruction, a JSON Schema natively; both are checked"),
    "think": Parameter("used", "true is medium effort, words are as `reasoning_effort`; false hides the thoughts"),
    "options": Parameter("used", "as follows"),
    "options.temperature": Parameter("used", "0 is sent as 0.0001, since GigaChat refuses 0"),
    "options.top_p": Parameter("used", ""),
    "options.num_predict": Parameter("used", "sent as `max_tokens`; 0, -1 and -2: no limit"),
    "options.stop": Parameter("emulated", "the proxy cuts the text; a stream that was cut has no figures of tokens"),
    "options.repeat_penalty": Parameter("used", "sent as `repetition_penalty`"),
    "options.num_ctx": Parameter("ignored", "the window is the model's; `/api/show` tells it", any_integer),
    **ignored(any_integer, "seed repeat_last_n mirostat num_keep num_batch num_gpu num_thread main_gpu", "options"),
    **ignored(any_number, "top_k min_p typical_p tfs_z presence_penalty frequency_penalty", "options"),
    **ignored(any_number, "mirostat_tau mirostat_eta", "options"),
    **ignored(fields.boolean, "penalize_newline use_mmap use_mlock low_vram numa", "options"),
    **{name: Parameter("used", "GigaChat's own parameter, sent as it is") for name in EXTRAS},
    "keep_alive": KEEP_ALIVE,
    **ignored(fields.boolean, "logprobs"),
    **ignored(any_integer, "top_logprobs"),
}
CHAT: Mapping[str, Parameter] = {
    "messages": Parameter("used", "roles `system`, `user`, `assistant` and `tool`; `images` in base64; none: a load"),
    "tools": Parameter("used", "functions"),
    **OF_BOTH,
}
GENERATE: Mapping[str, Parameter] = {
    "prompt": Parameter("used", "of `/api/generate`; none: a load"),
    "system": Parameter("used", "of `/api/generate`"),
    "images": Parameter("used", "of `/api/generate`, in base64"),
    "suffix": NO_SUFFIX,
    **OF_BOTH,
    "template": Parameter("ignored", "of `/api/generate`; so are the next", fields.string),
    "raw": Parameter("ignored", "", fields.boolean, (False,)),
    "context": Parameter("ignored", "", fields.array, ([],)),
}
EMBED: Mapping[str, Parameter] = {
    "truncate": Parameter("ignored", "`GPT2GIGA_EMBEDDINGS_OVERFLOW` says what happens", fields.boolean),
    "options": Parameter("ignored", "", fields.optional_mapping, ({},)),
    "keep_alive": KEEP_ALIVE,
}
TABLE: Mapping[str, Parameter] = {**CHAT, **GENERATE}
