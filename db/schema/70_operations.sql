-- What runs by itself, what is told to others, and what is reported.

-- Jobs that the clock starts: one row each, and how the last run went.
CREATE TABLE scheduled_jobs (
  key         text PRIMARY KEY CHECK (key ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$'),
  cron        text NOT NULL CHECK (length(cron) BETWEEN 9 AND 100),
  timezone    text NOT NULL DEFAULT 'UTC',
  is_enabled  boolean NOT NULL DEFAULT true,
  next_run    timestamptz,
  last_run    timestamptz,
  last_status job_status,
  last_error  text CHECK (length(last_error) <= 4000),
  version     bigint NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT scheduled_jobs_last CHECK ((last_run IS NULL) = (last_status IS NULL))
);
CREATE INDEX scheduled_jobs_due ON scheduled_jobs (next_run) WHERE is_enabled;
CREATE TRIGGER scheduled_jobs_touch BEFORE UPDATE ON scheduled_jobs FOR EACH ROW EXECUTE FUNCTION touch_row();

-- What became of each job that was queued: BullMQ forgets, and Redis may be emptied; this is for dashboards and replay by hand.
CREATE TABLE background_jobs (
  id           uuid PRIMARY KEY,
  queue        text NOT NULL CHECK (queue ~ '^[a-z][a-z0-9_-]{0,59}$'),
  job_id       text NOT NULL CHECK (length(job_id) BETWEEN 1 AND 200),
  name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  payload      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(payload) = 'object'),
  status       job_status NOT NULL DEFAULT 'queued',
  retries      integer NOT NULL DEFAULT 0 CHECK (retries >= 0),
  retries_max  integer NOT NULL DEFAULT 5,
  last_error   text CHECK (length(last_error) <= 4000),
  order_id     uuid REFERENCES orders ON DELETE SET NULL,
  request_id   text CHECK (length(request_id) <= 200),
  created_at   timestamptz NOT NULL DEFAULT now(),
  started_at   timestamptz,
  ended_at     timestamptz,
  CONSTRAINT background_jobs_key UNIQUE (queue, job_id),
  CONSTRAINT background_jobs_retries CHECK (retries <= retries_max),
  CONSTRAINT background_jobs_ended CHECK ((ended_at IS NOT NULL) = (status IN ('succeeded', 'dead', 'discarded')))
);
CREATE INDEX background_jobs_monitor ON background_jobs (queue, status, created_at);
CREATE INDEX background_jobs_order ON background_jobs (order_id) WHERE order_id IS NOT NULL;

CREATE TYPE dispatch_report_type AS ENUM ('daily', 'ad_hoc');

CREATE TABLE dispatch_reports (
  id          uuid PRIMARY KEY,
  report_date date NOT NULL,
  type        dispatch_report_type NOT NULL,
  status      job_status NOT NULL DEFAULT 'queued',
  file_id     uuid REFERENCES files ON DELETE SET NULL,
  storage_url text CHECK (length(storage_url) <= 2000),
  requested_by uuid REFERENCES users ON DELETE SET NULL,
  version     bigint NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT dispatch_reports_key UNIQUE (report_date, type),
  CONSTRAINT dispatch_reports_stored CHECK (status <> 'succeeded' OR storage_url IS NOT NULL OR file_id IS NOT NULL)
);
CREATE TRIGGER dispatch_reports_touch BEFORE UPDATE ON dispatch_reports FOR EACH ROW EXECUTE FUNCTION touch_row();

-- Each try to make a report, and what it took.
CREATE TABLE report_runs (
  id                 uuid PRIMARY KEY,
  dispatch_report_id uuid NOT NULL REFERENCES dispatch_reports ON DELETE CASCADE,
  queue_job_id       text CHECK (length(queue_job_id) BETWEEN 1 AND 200),
  status             job_status NOT NULL DEFAULT 'queued',
  started_at         timestamptz,
  ended_at           timestamptz,
  duration_ms        integer CHECK (duration_ms >= 0),
  row_count          bigint CHECK (row_count >= 0),
  bytes              bigint CHECK (bytes >= 0),
  error              text CHECK (length(error) <= 4000),
  created_at         timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT report_runs_order CHECK (started_at <= ended_at)
);
CREATE INDEX report_runs_report ON report_runs (dispatch_report_id, created_at DESC);

-- Where others want to hear of events. The secrets are encrypted by the server's key; the one before the last is good until it
-- expires, so that a receiver can change over.
CREATE TABLE webhooks (
  id                         uuid PRIMARY KEY,
  url                        text NOT NULL CHECK (url ~ '^https?://' AND length(url) <= 2000),
  description                text CHECK (length(description) <= 200),
  event_types                text[] NOT NULL CHECK (cardinality(event_types) BETWEEN 1 AND 100),
  status                     text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
  disabled_reason            text CHECK (disabled_reason IN ('by_hand', 'gone', 'failing')),
  secret                     bytea NOT NULL CHECK (octet_length(secret) BETWEEN 24 AND 512),
  previous_secret            bytea CHECK (octet_length(previous_secret) BETWEEN 24 AND 512),
  previous_secret_expires_at timestamptz,
  created_by                 uuid REFERENCES users ON DELETE SET NULL,
  version                    bigint NOT NULL DEFAULT 1,
  created_at                 timestamptz NOT NULL DEFAULT now(),
  updated_at                 timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT webhooks_disabled CHECK ((status = 'disabled') = (disabled_reason IS NOT NULL)),
  CONSTRAINT webhooks_previous CHECK ((previous_secret IS NULL) = (previous_secret_expires_at IS NULL))
);
CREATE TRIGGER webhooks_touch BEFORE UPDATE ON webhooks FOR EACH ROW EXECUTE FUNCTION touch_row();

CREATE TYPE webhook_event_status AS ENUM ('pending', 'delivering', 'delivered', 'failed', 'dead', 'discarded');

-- One event on its way to one webhook: what is sent, how often it was tried, what came back and when it is tried again.
CREATE TABLE webhook_events (
  id              uuid NOT NULL,
  webhook_id      uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
  event_id        uuid NOT NULL,
  event_type      text NOT NULL CHECK (event_type ~ '^[a-z_]+\.[a-z_]+$'),
  order_id        uuid,
  sequence        bigint CHECK (sequence >= 1),
  payload         jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
  status          webhook_event_status NOT NULL DEFAULT 'pending',
  attempts        integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  next_attempt_at timestamptz,
  response_code   integer CHECK (response_code BETWEEN 100 AND 599),
  response_ms     integer CHECK (response_ms >= 0),
  last_error      text CHECK (length(last_error) <= 1000),
  attempt_log     jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(attempt_log) = 'array'),
  created_at      timestamptz NOT NULL DEFAULT now(),
  ended_at        timestamptz,
  CONSTRAINT webhook_events_ended CHECK ((ended_at IS NOT NULL) = (status IN ('delivered', 'dead', 'discarded'))),
  CONSTRAINT webhook_events_retry CHECK ((next_attempt_at IS NOT NULL) = (status IN ('pending', 'failed')))
) PARTITION BY RANGE (created_at);
COMMENT ON COLUMN webhook_events.id IS 'the webhook-id header: the same for every attempt';
COMMENT ON COLUMN webhook_events.sequence IS 'number of the event within its shipment: the receiver can put them in order';
COMMENT ON COLUMN webhook_events.attempt_log IS 'one entry an attempt: at, code, ms, error';
CREATE UNIQUE INDEX webhook_events_id ON webhook_events (id, created_at);
CREATE INDEX webhook_events_due ON webhook_events (next_attempt_at) WHERE status IN ('pending', 'failed');
CREATE INDEX webhook_events_webhook ON webhook_events (webhook_id, created_at DESC);
CREATE INDEX webhook_events_order ON webhook_events (order_id) WHERE order_id IS NOT NULL;
SELECT ensure_month('webhook_events', (now() + make_interval(months => n))::date) FROM generate_series(-2, 2) AS n;

GRANT SELECT, INSERT, UPDATE ON scheduled_jobs, background_jobs, dispatch_reports, report_runs, webhooks, webhook_events
  TO dropmate_app, dropmate_jobs;
GRANT DELETE ON webhooks TO dropmate_app;
GRANT DELETE ON background_jobs TO dropmate_jobs;
