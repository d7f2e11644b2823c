-- What version 1.0.0 has written, as pg_dump --inserts tells it.
CREATE TABLE public.responses (
    id text NOT NULL,
    tenant text NOT NULL,
    previous text,
    created double precision NOT NULL,
    size integer NOT NULL,
    body bytea NOT NULL
);
CREATE TABLE public.schema_version (
    id integer NOT NULL,
    number integer NOT NULL
);
CREATE SEQUENCE public.schema_version_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.schema_version_id_seq OWNED BY public.schema_version.id;
CREATE TABLE public.usage (
    hour integer NOT NULL,
    key text NOT NULL,
    model text NOT NULL,
    route text NOT NULL,
    requests bigint NOT NULL,
    errors bigint NOT NULL,
    prompt bigint NOT NULL,
    completion bigint NOT NULL,
    cached bigint NOT NULL,
    seconds double precision NOT NULL
);
CREATE TABLE public.usage_failures (
    hour integer NOT NULL,
    key text NOT NULL,
    model text NOT NULL,
    route text NOT NULL,
    cause text NOT NULL,
    errors bigint NOT NULL
);
ALTER TABLE ONLY public.schema_version ALTER COLUMN id SET DEFAULT nextval('public.schema_version_id_seq'::regclass);
INSERT INTO public.responses VALUES ('resp_1', 'a', NULL, 1.5, 4, '\x626f6479');
INSERT INTO public.schema_version VALUES (1, 1);
INSERT INTO public.usage VALUES (480009, 'ann', 'GigaChat-2-Max', '/v1/chat/completions', 2, 0, 11, 6, 2, 3.0);
INSERT INTO public.usage VALUES (480009, 'bob', 'other', '/v1/chat/completions', 1, 0, 100, 50, 0, 1.5);
INSERT INTO public.usage VALUES (480009, 'bob', 'GigaChat-2', '/v1/chat/completions', 1, 1, 0, 0, 0, 1.5);
INSERT INTO public.usage_failures VALUES (480009, 'bob', 'GigaChat-2', '/v1/chat/completions', 'insufficient_quota', 1);
SELECT pg_catalog.setval('public.schema_version_id_seq', 1, true);
ALTER TABLE ONLY public.responses
    ADD CONSTRAINT responses_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.schema_version
    ADD CONSTRAINT schema_version_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.usage_failures
    ADD CONSTRAINT usage_failures_pkey PRIMARY KEY (hour, key, model, route, cause);
ALTER TABLE ONLY public.usage
    ADD CONSTRAINT usage_pkey PRIMARY KEY (hour, key, model, route);
CREATE INDEX keptresponse_created ON public.responses USING btree (created);
