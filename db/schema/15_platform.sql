-- Scaffolding: safe retries and switches.

-- One row for each answered Idempotency-Key of a client. It is written in the transaction of the effect it answers for, under an
-- advisory lock of that transaction, so a crash leaves both or neither and there is nothing to take over (ADR 0021). An effect that
-- waits for a third party has its row before it is answered; `intention_id` then says what is being carried out (ADR 0101).
CREATE TABLE idempotency_keys (
  id               uuid PRIMARY KEY,
  client_scope     text NOT NULL CHECK (length(client_scope) BETWEEN 1 AND 200),
  external_ref     text NOT NULL CHECK (length(external_ref) BETWEEN 1 AND 200),
  fingerprint      bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
  intention_id     uuid,
  response_status  smallint,
  response_headers jsonb NOT NULL DEFAULT '{}',
  response_body    bytea,
  created_at       timestamptz NOT NULL DEFAULT now(),
  expires_at       timestamptz NOT NULL,
  UNIQUE (client_scope, external_ref),
  CONSTRAINT idempotency_keys_whole CHECK ((response_status IS NULL) = (response_body IS NULL))
);
CREATE INDEX idempotency_keys_expires ON idempotency_keys (expires_at);

CREATE TABLE system_settings (
  key         text PRIMARY KEY CHECK (key ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$'),
  value       jsonb NOT NULL,
  description text NOT NULL,
  version     bigint NOT NULL DEFAULT 1,
  updated_at  timestamptz NOT NULL DEFAULT now(),
  updated_by  uuid REFERENCES users ON DELETE SET NULL
);
CREATE TRIGGER system_settings_touch BEFORE UPDATE ON system_settings FOR EACH ROW EXECUTE FUNCTION touch_row();

CREATE TABLE feature_flags (
  key         text PRIMARY KEY CHECK (key ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$'),
  enabled     boolean NOT NULL DEFAULT false,
  rollout_pct smallint NOT NULL DEFAULT 100 CHECK (rollout_pct BETWEEN 0 AND 100),
  description text NOT NULL,
  version     bigint NOT NULL DEFAULT 1,
  updated_at  timestamptz NOT NULL DEFAULT now(),
  updated_by  uuid REFERENCES users ON DELETE SET NULL
);
CREATE TRIGGER feature_flags_touch BEFORE UPDATE ON feature_flags FOR EACH ROW EXECUTE FUNCTION touch_row();

GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO dropmate_app;
GRANT SELECT, DELETE ON idempotency_keys TO dropmate_jobs;
GRANT SELECT, UPDATE ON system_settings, feature_flags TO dropmate_app;
GRANT SELECT ON system_settings, feature_flags TO dropmate_jobs;
