-- What people say to each other about an order, what they send along, and what they are shown.

-- A file in object storage: whose bytes they are, not the bytes. `stored_at` is NULL while it is being uploaded: then
-- `received_bytes` of it are safe, and the next ones begin there; `parts` names what they lie in.
CREATE TABLE files (
  id          uuid PRIMARY KEY,
  bucket      text NOT NULL CHECK (length(bucket) BETWEEN 1 AND 100),
  key         text NOT NULL CHECK (length(key) BETWEEN 1 AND 500),
  mime        text NOT NULL CHECK (mime ~ '^[a-z]+/[a-z0-9.+-]+$'),
  bytes       bigint NOT NULL CHECK (bytes >= 0),
  sha256      bytea CHECK (octet_length(sha256) = 32),
  name        text CHECK (length(name) BETWEEN 1 AND 255),
  purpose     text NOT NULL DEFAULT 'attachment' CHECK (purpose IN ('proof', 'attachment')),
  customer_id uuid REFERENCES customers ON DELETE SET NULL,
  uploaded_by uuid REFERENCES users ON DELETE SET NULL,
  received_bytes bigint NOT NULL DEFAULT 0,
  parts       text[] NOT NULL DEFAULT '{}',
  received_at timestamptz NOT NULL DEFAULT now(),
  created_at  timestamptz NOT NULL DEFAULT now(),
  stored_at   timestamptz,
  deleted_at  timestamptz,
  CONSTRAINT files_stored CHECK (stored_at IS NULL OR sha256 IS NOT NULL),
  CONSTRAINT files_received CHECK (received_bytes BETWEEN 0 AND bytes)
);
COMMENT ON COLUMN files.received_at IS 'when the upload last went on';
COMMENT ON COLUMN files.parts IS 'names of the parts that are safe, in order; empty again when the storage has forgotten them';
COMMENT ON COLUMN files.customer_id IS 'whose personal data it holds; erased with them';
COMMENT ON COLUMN files.deleted_at IS 'the bytes may be taken from the storage';
CREATE UNIQUE INDEX files_place_key ON files (bucket, key);
CREATE INDEX files_customer ON files (customer_id) WHERE customer_id IS NOT NULL;
-- What somebody sends again is the file that it was.
CREATE UNIQUE INDEX files_upload_key ON files (uploaded_by, sha256) WHERE deleted_at IS NULL;
CREATE INDEX files_unfinished ON files (received_at) WHERE stored_at IS NULL;
CREATE INDEX files_deleted ON files (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX files_parts_left ON files (stored_at) WHERE parts <> '{}' AND stored_at IS NOT NULL;

-- How deliveries were proved, one row for each proof that a driver gave. A photo or a signature is known by the SHA-256 that was taken
-- when it was captured; until the driver has uploaded a file with it the proof is pending (`added_at` is NULL). A PIN is never kept.
CREATE TABLE proofs (
  id            uuid PRIMARY KEY,
  order_id      uuid NOT NULL REFERENCES orders ON DELETE RESTRICT,
  shipment_id   uuid NOT NULL REFERENCES shipments ON DELETE RESTRICT,
  assignment_id uuid NOT NULL REFERENCES driver_assignments ON DELETE RESTRICT,
  driver_id     uuid REFERENCES drivers ON DELETE SET NULL,
  position      smallint NOT NULL CHECK (position >= 1),
  type          text NOT NULL CHECK (type IN ('photo', 'signature', 'pin', 'barcode', 'note')),
  value         text CHECK (length(value) BETWEEN 1 AND 500),
  sha256        bytea CHECK (octet_length(sha256) = 32),
  file_id       uuid REFERENCES files ON DELETE SET NULL,
  captured_at   timestamptz NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  added_at      timestamptz,
  CONSTRAINT proofs_file CHECK (CASE WHEN type IN ('photo', 'signature') THEN sha256 IS NOT NULL ELSE sha256 IS NULL AND added_at IS NOT NULL END),
  CONSTRAINT proofs_value CHECK (value IS NULL OR type IN ('barcode', 'note'))
);
COMMENT ON COLUMN proofs.captured_at IS 'event time of the delivery, as the phone reported it';
COMMENT ON COLUMN proofs.added_at IS 'when it was whole; NULL while its file is missing';
CREATE UNIQUE INDEX proofs_position ON proofs (assignment_id, position);
CREATE INDEX proofs_shipment ON proofs (shipment_id);
CREATE INDEX proofs_driver ON proofs (driver_id) WHERE driver_id IS NOT NULL;
CREATE INDEX proofs_order ON proofs (order_id);
CREATE INDEX proofs_file_id ON proofs (file_id) WHERE file_id IS NOT NULL;
CREATE INDEX proofs_pending ON proofs (sha256) WHERE added_at IS NULL;
CREATE INDEX proofs_missing ON proofs (created_at) WHERE added_at IS NULL;

-- context_id is the order, the ad, or for support the customer it is about; (context_type, context_id) has no foreign key, so a
-- trigger checks that there is such a row.
CREATE TABLE message_threads (
  id              uuid PRIMARY KEY,
  context_type    text NOT NULL CHECK (context_type IN ('order', 'ad', 'support')),
  context_id      uuid NOT NULL,
  channel         message_channel NOT NULL,
  customer_id     uuid REFERENCES customers ON DELETE SET NULL,
  subject         text CHECK (length(subject) BETWEEN 1 AND 200),
  created_by      uuid REFERENCES users ON DELETE SET NULL,
  last_message_at timestamptz,
  version         bigint NOT NULL DEFAULT 1,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  deleted_at      timestamptz
);
CREATE UNIQUE INDEX message_threads_order_key ON message_threads (context_id, channel)
  WHERE context_type = 'order' AND deleted_at IS NULL;
CREATE INDEX message_threads_context ON message_threads (context_type, context_id);
CREATE INDEX message_threads_customer ON message_threads (customer_id, created_at DESC) WHERE customer_id IS NOT NULL;
CREATE TRIGGER message_threads_touch BEFORE UPDATE ON message_threads FOR EACH ROW EXECUTE FUNCTION touch_row();

-- id is the sender's, so that a message that is sent again is the same one. Who wrote it: at most one of the three; none is the
-- system. author_kind is derived from which.
CREATE TABLE messages (
  id                 uuid PRIMARY KEY,
  thread_id          uuid NOT NULL REFERENCES message_threads ON DELETE CASCADE,
  author_user_id     uuid REFERENCES users ON DELETE SET NULL,
  author_driver_id   uuid REFERENCES drivers ON DELETE SET NULL,
  author_customer_id uuid REFERENCES customers ON DELETE SET NULL,
  author_kind        text NOT NULL CHECK (author_kind IN ('user', 'driver', 'customer', 'system')),
  body               text NOT NULL CHECK (length(body) BETWEEN 1 AND 4000),
  created_at         timestamptz NOT NULL DEFAULT now(),
  deleted_at         timestamptz,
  CONSTRAINT messages_one_author CHECK (num_nonnulls(author_user_id, author_driver_id, author_customer_id) <= 1)
);
COMMENT ON COLUMN messages.author_kind IS 'set when the message is written, and still true when its author is gone';
CREATE INDEX messages_thread ON messages (thread_id, created_at);
CREATE INDEX messages_customer ON messages (author_customer_id) WHERE author_customer_id IS NOT NULL;

CREATE TABLE message_attachments (
  message_id uuid NOT NULL REFERENCES messages ON DELETE CASCADE,
  position   smallint NOT NULL CHECK (position BETWEEN 1 AND 20),
  file_id    uuid NOT NULL REFERENCES files ON DELETE RESTRICT,
  PRIMARY KEY (message_id, position)
);
CREATE INDEX message_attachments_file ON message_attachments (file_id);

-- How far each reader has read.
CREATE TABLE message_reads (
  thread_id uuid NOT NULL REFERENCES message_threads ON DELETE CASCADE,
  user_id   uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  read_at   timestamptz NOT NULL,
  PRIMARY KEY (thread_id, user_id)
);

CREATE FUNCTION settle_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.author_kind := CASE
    WHEN NEW.author_user_id IS NOT NULL THEN 'user'
    WHEN NEW.author_driver_id IS NOT NULL THEN 'driver'
    WHEN NEW.author_customer_id IS NOT NULL THEN 'customer'
    ELSE 'system' END;
  UPDATE message_threads SET last_message_at = greatest(last_message_at, NEW.created_at) WHERE id = NEW.thread_id;
  RETURN NEW;
END
$$;
CREATE TRIGGER messages_settle BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION settle_message();

-- Every node that holds a socket of the driver who brings the parcel sends MESSAGE, unless the driver wrote it.
CREATE FUNCTION announce_message() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM pg_notify('dropmate_messages', a.driver_id || ' ' || NEW.id)
  FROM message_threads t JOIN shipments s ON s.order_id = t.context_id JOIN driver_assignments a ON a.shipment_id = s.id
  WHERE t.id = NEW.thread_id AND t.context_type = 'order' AND a.status IN ('accepted', 'en_route', 'arrived')
    AND a.driver_id IS DISTINCT FROM NEW.author_driver_id AND a.driver_id IS NOT NULL;
  RETURN NULL;
END
$$;
CREATE TRIGGER messages_announce AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION announce_message();

CREATE TYPE ad_status AS ENUM ('draft', 'active', 'paused', 'ended');

CREATE TABLE ads (
  id              uuid PRIMARY KEY,
  name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  placement       text NOT NULL CHECK (placement ~ '^[a-z][a-z0-9_.]{0,59}$'),
  status          ad_status NOT NULL DEFAULT 'draft',
  title           text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  body            text CHECK (length(body) <= 2000),
  media_file_id   uuid REFERENCES files ON DELETE SET NULL,
  media_url       text CHECK (media_url ~ '^https://' AND length(media_url) <= 2000),
  click_url       text CHECK (click_url ~ '^https://' AND length(click_url) <= 2000),
  targeting       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(targeting) = 'object'),
  daily_cap       integer CHECK (daily_cap >= 1),
  starts_at       timestamptz,
  ends_at         timestamptz,
  version         bigint NOT NULL DEFAULT 1,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  deleted_at      timestamptz,
  CONSTRAINT ads_period CHECK (starts_at < ends_at)
);
COMMENT ON COLUMN ads.targeting IS 'who is shown it: channels, countries, new_customers; empty is everybody';
COMMENT ON COLUMN ads.daily_cap IS 'impressions for one customer in a day (UTC); NULL is no cap';
CREATE UNIQUE INDEX ads_name_key ON ads (name) WHERE deleted_at IS NULL;
CREATE INDEX ads_placement ON ads (placement, status) WHERE deleted_at IS NULL;
CREATE TRIGGER ads_touch BEFORE UPDATE ON ads FOR EACH ROW EXECUTE FUNCTION touch_row();

-- Who saw an ad where and when. Append-only, by month of recording: a phone may tell of a view in a month that is closed.
CREATE TABLE ad_impressions (
  id          uuid NOT NULL,
  ad_id       uuid NOT NULL REFERENCES ads ON DELETE RESTRICT,
  customer_id uuid REFERENCES customers ON DELETE SET NULL,
  channel     message_channel NOT NULL,
  placement   text NOT NULL CHECK (length(placement) BETWEEN 1 AND 60),
  occurred_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ad_impressions_occurred CHECK (occurred_at <= recorded_at + interval '10 minutes')
) PARTITION BY RANGE (recorded_at);
COMMENT ON COLUMN ad_impressions.id IS 'the viewer''s, so that a view that is told again counts once';
CREATE UNIQUE INDEX ad_impressions_id ON ad_impressions (id, recorded_at);
CREATE INDEX ad_impressions_ad ON ad_impressions (ad_id, occurred_at DESC);
CREATE INDEX ad_impressions_customer ON ad_impressions (customer_id, occurred_at DESC) WHERE customer_id IS NOT NULL;
SELECT ensure_month('ad_impressions', (now() + make_interval(months => n))::date) FROM generate_series(-2, 2) AS n;

-- The row that a polymorphic context names must exist when the thread begins.
CREATE FUNCTION check_thread_context() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  is_there boolean;
BEGIN
  CASE NEW.context_type
    WHEN 'order' THEN
      SELECT true, coalesce(NEW.customer_id, o.customer_id) INTO is_there, NEW.customer_id FROM orders o WHERE o.id = NEW.context_id;
    WHEN 'ad' THEN is_there := EXISTS (SELECT FROM ads WHERE id = NEW.context_id);
    WHEN 'support' THEN
      SELECT true, c.id INTO is_there, NEW.customer_id FROM customers c WHERE c.id = NEW.context_id;
    ELSE RETURN NEW; -- the CHECK refuses it
  END CASE;
  IF is_there IS NOT TRUE THEN
    RAISE foreign_key_violation USING MESSAGE = format('there is no %s %s', NEW.context_type, NEW.context_id),
      CONSTRAINT = 'message_threads_context_exists';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER message_threads_context_exists BEFORE INSERT OR UPDATE OF context_type, context_id ON message_threads
  FOR EACH ROW EXECUTE FUNCTION check_thread_context();

GRANT SELECT, INSERT, UPDATE ON files, proofs, message_threads, messages, message_reads, ads TO dropmate_app;
GRANT SELECT, INSERT ON message_attachments, ad_impressions TO dropmate_app;
GRANT SELECT ON files, proofs, message_threads, messages, message_attachments, message_reads, ads, ad_impressions TO dropmate_jobs;
GRANT UPDATE, DELETE ON files TO dropmate_jobs;
