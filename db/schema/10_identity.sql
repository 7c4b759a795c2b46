-- Who someone is: users, the roles granted to them, and the sessions that their refresh tokens live in.

CREATE TABLE users (
  id            uuid PRIMARY KEY,
  email         text CHECK (email = lower(email) AND length(email) <= 320),
  phone         text CHECK (length(phone) <= 32),
  name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  password_hash text,
  role          user_role NOT NULL,
  status        text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'invited', 'disabled')),
  version       bigint NOT NULL DEFAULT 1,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  deleted_at    timestamptz,
  CHECK (email IS NOT NULL OR phone IS NOT NULL OR deleted_at IS NOT NULL)
);
CREATE UNIQUE INDEX users_email_key ON users (email) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_phone_key ON users (phone) WHERE deleted_at IS NULL;
CREATE INDEX users_role_status ON users (role, status);
CREATE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch_row();

-- users.role is the primary role; these grants are what authorisation reads.
CREATE TABLE user_roles (
  user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  role       text NOT NULL CHECK (role IN ('customer', 'driver', 'dispatcher', 'admin', 'support')),
  granted_by uuid REFERENCES users ON DELETE SET NULL,
  granted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, role)
);

-- One row is one family of rotating refresh tokens. Only the hash of the newest token is kept: an older one of the same
-- family that comes back is a stolen one, and ends the family.
CREATE TABLE auth_sessions (
  id                 uuid PRIMARY KEY,
  user_id            uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  kind               text NOT NULL DEFAULT 'login' CHECK (kind IN ('login', 'provisioned')),
  refresh_token_hash bytea CHECK (octet_length(refresh_token_hash) = 32),
  generation         integer NOT NULL DEFAULT 1,
  device_info        jsonb NOT NULL DEFAULT '{}',
  created_at         timestamptz NOT NULL DEFAULT now(),
  last_used_at       timestamptz NOT NULL DEFAULT now(),
  expires_at         timestamptz NOT NULL,
  revoked_at         timestamptz,
  revoked_reason     text CHECK (revoked_reason IN
    ('logout', 'revoked', 'reuse_detected', 'password_changed', 'user_disabled', 'role_removed', 'too_many_sessions')),
  CHECK ((kind = 'login') = (refresh_token_hash IS NOT NULL)),
  CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
);
CREATE INDEX auth_sessions_user ON auth_sessions (user_id, created_at DESC);
CREATE INDEX auth_sessions_expires ON auth_sessions (expires_at);
CREATE INDEX auth_sessions_revoked ON auth_sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- Every node hears within a round trip that a session ended or a user was disabled, and drops its sockets
-- (src/identity/Revocations.ts). A missed notice is caught up from the tables when the listener reconnects.
CREATE FUNCTION announce_revoked_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('dropmate_revocations', 'session:' || NEW.id);
  RETURN NULL;
END
$$;
CREATE TRIGGER auth_sessions_announce AFTER UPDATE OF revoked_at ON auth_sessions FOR EACH ROW
  WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION announce_revoked_session();

CREATE FUNCTION announce_disabled_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('dropmate_revocations', 'user:' || NEW.id);
  RETURN NULL;
END
$$;
CREATE TRIGGER users_announce AFTER UPDATE OF status, deleted_at ON users FOR EACH ROW
  WHEN ((OLD.status <> 'disabled' AND NEW.status = 'disabled') OR (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL))
  EXECUTE FUNCTION announce_disabled_user();

-- Without this notice a node would refuse an enabled user until it reads the tables again.
CREATE FUNCTION announce_restored_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('dropmate_revocations', 'restored:' || NEW.id);
  RETURN NULL;
END
$$;
CREATE TRIGGER users_announce_restored AFTER UPDATE OF status ON users FOR EACH ROW
  WHEN (OLD.status = 'disabled' AND NEW.status <> 'disabled' AND NEW.deleted_at IS NULL)
  EXECUTE FUNCTION announce_restored_user();

-- Who someone is to WeChat. open_id is theirs within one app of ours (app_id), union_id over all our apps.
CREATE TABLE wechat_accounts (
  id          uuid PRIMARY KEY,
  app_id      text NOT NULL CHECK (length(app_id) BETWEEN 1 AND 64),
  open_id     text NOT NULL CHECK (length(open_id) BETWEEN 1 AND 128),
  union_id    text CHECK (length(union_id) BETWEEN 1 AND 128),
  nickname    text CHECK (length(nickname) <= 200),
  version     bigint NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  deleted_at  timestamptz
);
CREATE UNIQUE INDEX wechat_accounts_open_key ON wechat_accounts (app_id, open_id) WHERE deleted_at IS NULL;
CREATE INDEX wechat_accounts_union ON wechat_accounts (union_id) WHERE union_id IS NOT NULL;
CREATE TRIGGER wechat_accounts_touch BEFORE UPDATE ON wechat_accounts FOR EACH ROW EXECUTE FUNCTION touch_row();

CREATE TABLE customers (
  id                uuid PRIMARY KEY,
  user_id           uuid REFERENCES users ON DELETE RESTRICT,
  wechat_account_id uuid REFERENCES wechat_accounts ON DELETE SET NULL,
  name              text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  marketing_opt_in  boolean NOT NULL DEFAULT false,
  version           bigint NOT NULL DEFAULT 1,
  created_at        timestamptz NOT NULL DEFAULT now(),
  updated_at        timestamptz NOT NULL DEFAULT now(),
  deleted_at        timestamptz,
  erased_at         timestamptz,
  CONSTRAINT customers_erased CHECK (erased_at IS NULL OR deleted_at IS NOT NULL)
);
COMMENT ON COLUMN customers.erased_at IS 'when erase_customer() took everything personal away; what is left is a number to count by';
CREATE UNIQUE INDEX customers_user_key ON customers (user_id) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX customers_wechat_key ON customers (wechat_account_id) WHERE deleted_at IS NULL;
CREATE TRIGGER customers_touch BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touch_row();

GRANT SELECT, INSERT, UPDATE ON users, auth_sessions, customers, wechat_accounts TO dropmate_app;
GRANT SELECT, INSERT, DELETE ON user_roles TO dropmate_app;
GRANT SELECT ON users, user_roles, auth_sessions, customers, wechat_accounts TO dropmate_jobs;
GRANT DELETE ON auth_sessions TO dropmate_jobs;
