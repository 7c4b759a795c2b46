-- Fulfilment: shipments, who carries them, the stops on the way, the log that all of it follows from, and who may watch.

CREATE TYPE shipment_status AS ENUM ('created', 'dispatching', 'assigned', 'en_route_to_pickup', 'at_pickup', 'picked_up',
  'en_route', 'arrived', 'delivered', 'failed', 'returning', 'returned', 'cancelled');
CREATE TYPE assignment_status AS ENUM ('pending', 'accepted', 'en_route', 'arrived', 'delivered', 'handed_off', 'rejected',
  'expired', 'cancelled', 'failed', 'returned');
CREATE TYPE route_stop_type AS ENUM ('pickup', 'dropoff', 'break');
CREATE TYPE route_stop_status AS ENUM ('planned', 'en_route', 'arrived', 'completed', 'failed', 'skipped');

-- version counts the shipment's events and is what its compare-and-set compares; fencing_counter is the last token given out.
CREATE TABLE shipments (
  id                         uuid PRIMARY KEY,
  order_id                   uuid NOT NULL CONSTRAINT shipments_order_key UNIQUE REFERENCES orders ON DELETE RESTRICT,
  status                     shipment_status NOT NULL,
  version                    bigint NOT NULL CHECK (version >= 1),
  fencing_counter            bigint NOT NULL DEFAULT 0 CHECK (fencing_counter >= 0),
  is_picked_up               boolean NOT NULL DEFAULT false,
  promised_arrival_at        timestamptz,
  estimated_arrival_at       timestamptz,
  estimated_arrival_p90_at   timestamptz,
  estimated_at               timestamptz,
  courier_notes              text CHECK (length(courier_notes) <= 500),
  current_driver_location_id uuid REFERENCES drivers ON DELETE SET NULL,
  wrong_pins                 smallint NOT NULL DEFAULT 0 CHECK (wrong_pins >= 0),
  created_at                 timestamptz NOT NULL DEFAULT now(),
  updated_at                 timestamptz NOT NULL DEFAULT now(),
  ended_at                   timestamptz,
  CONSTRAINT shipments_estimate CHECK (num_nulls(estimated_arrival_at, estimated_arrival_p90_at, estimated_at) IN (0, 3)
    AND estimated_arrival_at <= estimated_arrival_p90_at)
);
COMMENT ON COLUMN shipments.promised_arrival_at IS 'the end of the window that the customer was promised; moves only when another window is promised';
COMMENT ON COLUMN shipments.estimated_arrival_at IS 'the committed ETA of the drive under way or done: as likely earlier as later; told as eta.changed (ADR 0076)';
COMMENT ON COLUMN shipments.estimated_arrival_p90_at IS 'nine times of ten earlier';
COMMENT ON COLUMN shipments.estimated_at IS 'when the estimate was made';
COMMENT ON COLUMN shipments.current_driver_location_id IS 'key of the row of active_driver_locations (its driver_id) that shows the parcel now';
COMMENT ON COLUMN shipments.wrong_pins IS 'times that a driver gave a wrong delivery PIN';
COMMENT ON COLUMN shipments.is_picked_up IS 'the parcel has left its origin; a hand-off does not take that back';
CREATE INDEX shipments_status_promised ON shipments (status, promised_arrival_at);
CREATE INDEX shipments_current_driver_location ON shipments (current_driver_location_id);

CREATE SEQUENCE driver_tasks_version;

-- One row for each driver that a shipment was offered or given to; history stays. Reassigning closes a row and inserts the next
-- with a higher token (ADR 0052).
CREATE TABLE driver_assignments (
  id                uuid PRIMARY KEY,
  shipment_id       uuid NOT NULL REFERENCES shipments ON DELETE RESTRICT,
  driver_id         uuid REFERENCES drivers ON DELETE SET NULL,
  status            assignment_status NOT NULL,
  fencing_token     bigint NOT NULL CHECK (fencing_token >= 1),
  schedule_sequence integer NOT NULL DEFAULT 1 CHECK (schedule_sequence >= 1),
  assigned_at       timestamptz NOT NULL DEFAULT now(),
  offered_at        timestamptz,
  expires_at        timestamptz,
  accepted_at       timestamptz,
  ended_at          timestamptz,
  expired_because   text CHECK (expired_because IN ('time', 'taken', 'withdrawn')),
  tasks_version     bigint NOT NULL DEFAULT nextval('driver_tasks_version'),
  updated_at        timestamptz NOT NULL DEFAULT now(),
  CHECK ((ended_at IS NULL) = (status IN ('pending', 'accepted', 'en_route', 'arrived'))),
  CONSTRAINT driver_assignments_expiry CHECK ((expires_at IS NOT NULL) = (status = 'pending')),
  CONSTRAINT driver_assignments_because CHECK ((expired_because IS NOT NULL) = (status = 'expired')),
  CONSTRAINT driver_assignments_offer CHECK (offered_at IS NOT NULL OR status NOT IN ('pending', 'rejected', 'expired'))
);
COMMENT ON COLUMN driver_assignments.assigned_at IS 'when the driver was asked, then when they got the shipment';
COMMENT ON COLUMN driver_assignments.offered_at IS 'when the driver was asked; NULL when the shipment was given without asking';
COMMENT ON COLUMN driver_assignments.expires_at IS 'until when an open offer may be taken';
COMMENT ON COLUMN driver_assignments.accepted_at IS 'NULL while the driver has not had the shipment';
COMMENT ON COLUMN driver_assignments.expired_because IS 'taken: another driver got the shipment; withdrawn: it was cancelled, or the parcel goes back';
COMMENT ON COLUMN driver_assignments.tasks_version IS 'rises with each change; the greatest of a driver is the version of their TASKS frame';
CREATE UNIQUE INDEX driver_assignments_carrier ON driver_assignments (shipment_id) WHERE status IN ('accepted', 'en_route', 'arrived');
CREATE UNIQUE INDEX driver_assignments_offered ON driver_assignments (shipment_id, driver_id) WHERE status = 'pending';
CREATE UNIQUE INDEX driver_assignments_token ON driver_assignments (shipment_id, fencing_token);
CREATE INDEX driver_assignments_load ON driver_assignments (driver_id, status) WHERE status IN ('pending', 'accepted', 'en_route', 'arrived', 'failed');
CREATE INDEX driver_assignments_due ON driver_assignments (expires_at, shipment_id) WHERE status = 'pending';
CREATE INDEX driver_assignments_tasks ON driver_assignments (driver_id, tasks_version DESC);

-- Every node that holds a socket of the driver sends TASKS again.
CREATE FUNCTION announce_driver_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    NEW.tasks_version := nextval('driver_tasks_version');
    NEW.updated_at := now();
  END IF;
  IF NEW.driver_id IS NOT NULL THEN
    PERFORM pg_notify('dropmate_tasks', NEW.driver_id::text);
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER driver_assignments_announce BEFORE INSERT OR UPDATE ON driver_assignments FOR EACH ROW EXECUTE FUNCTION announce_driver_tasks();

CREATE TYPE delivery_run_status AS ENUM ('planned', 'active', 'completed', 'cancelled');

-- Several shipments on one way: their stops are ordered within the run instead of within the shipment.
CREATE TABLE delivery_runs (
  id               uuid PRIMARY KEY,
  driver_id        uuid REFERENCES drivers ON DELETE SET NULL,
  vehicle_id       uuid REFERENCES vehicles ON DELETE SET NULL,
  status           delivery_run_status NOT NULL DEFAULT 'planned',
  name             text CHECK (length(name) BETWEEN 1 AND 100),
  planned_start_at timestamptz,
  started_at       timestamptz,
  ended_at         timestamptz,
  version          bigint NOT NULL DEFAULT 1,
  created_at       timestamptz NOT NULL DEFAULT now(),
  updated_at       timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT delivery_runs_ended CHECK ((ended_at IS NOT NULL) = (status IN ('completed', 'cancelled'))),
  CONSTRAINT delivery_runs_started CHECK (started_at IS NOT NULL OR status IN ('planned', 'cancelled')),
  CONSTRAINT delivery_runs_order CHECK (started_at <= ended_at)
);
CREATE UNIQUE INDEX delivery_runs_active ON delivery_runs (driver_id) WHERE status = 'active';
CREATE INDEX delivery_runs_vehicle ON delivery_runs (vehicle_id) WHERE vehicle_id IS NOT NULL;
CREATE INDEX delivery_runs_status ON delivery_runs (status, planned_start_at);
CREATE TRIGGER delivery_runs_touch BEFORE UPDATE ON delivery_runs FOR EACH ROW EXECUTE FUNCTION touch_row();

-- Runs whose shipments are to be given to their driver: written with the change that wants it, taken away when each was asked (ADR 0186).
CREATE TABLE run_givings (
  run_id    uuid PRIMARY KEY REFERENCES delivery_runs ON DELETE CASCADE,
  giving_id uuid NOT NULL,
  wanted_at timestamptz NOT NULL DEFAULT now(),
  reason    text CHECK (length(reason) BETWEEN 1 AND 500)
);
COMMENT ON COLUMN run_givings.giving_id IS 'another one each time that it is wanted';
COMMENT ON COLUMN run_givings.reason IS 'why parcels that another driver has picked up are taken from them';
CREATE INDEX run_givings_wanted ON run_givings (wanted_at);

-- A break belongs to a run and has no shipment.
CREATE TABLE route_stops (
  id                    uuid PRIMARY KEY,
  shipment_id           uuid REFERENCES shipments ON DELETE CASCADE,
  run_id                uuid REFERENCES delivery_runs ON DELETE RESTRICT,
  stop_type             route_stop_type NOT NULL,
  position              integer NOT NULL CHECK (position >= 1),
  status                route_stop_status NOT NULL DEFAULT 'planned',
  lat                   double precision NOT NULL CHECK (lat >= -90 AND lat <= 90),
  lng                   double precision NOT NULL CHECK (lng >= -180 AND lng <= 180),
  address               text CHECK (length(address) <= 1000),
  window_start          timestamptz,
  window_end            timestamptz,
  expected_arrival_at   timestamptz,
  expected_departure_at timestamptz,
  requirements          text[] NOT NULL DEFAULT '{}',
  duration_s            integer CHECK (duration_s >= 1),
  arrived_at            timestamptz,
  ended_at              timestamptz,
  updated_at            timestamptz NOT NULL DEFAULT now(),
  CHECK ((stop_type = 'break') = (shipment_id IS NULL)),
  CHECK (shipment_id IS NOT NULL OR run_id IS NOT NULL),
  CONSTRAINT route_stops_break CHECK ((stop_type = 'break') = (duration_s IS NOT NULL)),
  CONSTRAINT route_stops_run_position UNIQUE (run_id, position) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON COLUMN route_stops.position IS 'within its run, or without one within its shipment';
COMMENT ON COLUMN route_stops.duration_s IS 'how long a break lasts, seconds';
CREATE INDEX route_stops_shipment ON route_stops (shipment_id, position);

-- The log of an order and its shipment. Append-only; folding it gives their rows. By month of recording, since an offline
-- phone's event time may lie in a month that is closed (ADR 0050).
CREATE TABLE shipment_events (
  id          uuid NOT NULL,
  order_id    uuid NOT NULL REFERENCES orders ON DELETE RESTRICT,
  event_no    bigint NOT NULL CHECK (event_no >= 1),
  shipment_id uuid REFERENCES shipments ON DELETE RESTRICT,
  version     bigint CHECK (version >= 1),
  type        text NOT NULL CHECK (type ~ '^[a-z_]+\.[a-z_]+$'),
  occurred_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  actor_kind  text NOT NULL CHECK (actor_kind IN ('customer', 'driver', 'dispatcher', 'admin', 'system')),
  actor_id    uuid,
  cause       text NOT NULL CHECK (length(cause) BETWEEN 1 AND 200),
  data        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(data) = 'object'),
  CHECK ((shipment_id IS NULL) = (version IS NULL))
) PARTITION BY RANGE (recorded_at);
COMMENT ON COLUMN shipment_events.event_no IS 'the offset of the tracking stream: 1, 2, 3, ... within an order';
COMMENT ON COLUMN shipment_events.actor_id IS 'a driver''s id for a driver, else a user''s';
COMMENT ON COLUMN shipment_events.cause IS 'the request or command that it follows from';
CREATE UNIQUE INDEX shipment_events_order ON shipment_events (order_id, event_no, recorded_at);
CREATE INDEX shipment_events_shipment ON shipment_events (shipment_id, version) WHERE shipment_id IS NOT NULL;
CREATE UNIQUE INDEX shipment_events_id ON shipment_events (id, recorded_at);

SELECT ensure_month('shipment_events', (now() + make_interval(months => n))::date) FROM generate_series(-2, 2) AS n;

-- What is told to the outside: exactly one row for each event, since a trigger writes it. A row is published (numbered), relayed
-- (put into the queue) and settled (everybody inside who wants it has had it, or it was set aside); then it is kept for those who
-- pull, and trimmed (ADR 0130).
CREATE TABLE outbox (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id     uuid NOT NULL UNIQUE,
  order_id     uuid NOT NULL,
  event_no     bigint NOT NULL CHECK (event_no >= 1),
  type         text NOT NULL,
  recorded_at  timestamptz NOT NULL,
  published_no bigint UNIQUE CHECK (published_no >= 1),
  relayed_at   timestamptz,
  settled_at   timestamptz,
  CONSTRAINT outbox_published_first CHECK (published_no IS NOT NULL OR num_nonnulls(relayed_at, settled_at) = 0)
);
COMMENT ON COLUMN outbox.id IS 'rises in the order of commits within an order, not across orders';
COMMENT ON COLUMN outbox.published_no IS 'place in the public log: 1, 2, 3, ... without holes, given in the order in which they can be seen';
COMMENT ON COLUMN outbox.relayed_at IS 'last put into the queue';
CREATE INDEX outbox_unpublished ON outbox (id) WHERE published_no IS NULL;
CREATE INDEX outbox_unrelayed ON outbox (published_no) WHERE relayed_at IS NULL AND settled_at IS NULL AND published_no IS NOT NULL;
CREATE INDEX outbox_unsettled ON outbox (relayed_at) WHERE settled_at IS NULL AND relayed_at IS NOT NULL;

-- How far a public log has come, and up to where it was trimmed.
CREATE TABLE event_logs (
  name         text PRIMARY KEY,
  published_no bigint NOT NULL DEFAULT 0,
  trimmed_no   bigint NOT NULL DEFAULT 0 CHECK (trimmed_no >= 0),
  CONSTRAINT event_logs_order CHECK (trimmed_no <= published_no)
);
INSERT INTO event_logs (name) VALUES ('events');

-- Numbers events that can be seen and have no number yet. Whoever numbers holds the log's row until they commit, so numbers become
-- visible in their order: a reader who has read up to one will never find a smaller one later. Answers how many.
CREATE FUNCTION publish_events(most integer) RETURNS integer LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  last bigint;
  made integer;
BEGIN
  SELECT published_no INTO STRICT last FROM event_logs WHERE name = 'events' FOR UPDATE;
  -- A statement of its own: it sees what the one before us, whom we may have waited for, has numbered.
  UPDATE outbox SET published_no = last + next.place
  FROM (
    SELECT id, row_number() OVER (ORDER BY id) AS place
    FROM (SELECT id FROM outbox WHERE published_no IS NULL ORDER BY id LIMIT most) AS waiting
  ) AS next
  WHERE outbox.id = next.id;
  GET DIAGNOSTICS made = ROW_COUNT;
  IF made > 0 THEN
    UPDATE event_logs SET published_no = last + made WHERE name = 'events';
    PERFORM pg_notify('dropmate_events', (last + made)::text);
  END IF;
  RETURN made;
END
$$;

-- Takes away settled events recorded before a time, from the log's beginning on and without leaving a hole. Answers how many.
CREATE FUNCTION trim_events(before timestamptz, most integer) RETURNS integer LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  log event_logs%ROWTYPE;
  upto bigint;
  gone integer;
BEGIN
  SELECT * INTO STRICT log FROM event_logs WHERE name = 'events' FOR UPDATE;
  SELECT min(published_no) - 1 INTO upto FROM outbox
  WHERE published_no > log.trimmed_no AND published_no <= log.trimmed_no + most AND (settled_at IS NULL OR recorded_at >= before);
  upto := coalesce(upto, least(log.trimmed_no + most, log.published_no));
  DELETE FROM outbox WHERE published_no > log.trimmed_no AND published_no <= upto;
  GET DIAGNOSTICS gone = ROW_COUNT;
  UPDATE event_logs SET trimmed_no = upto WHERE name = 'events' AND trimmed_no <> upto;
  RETURN gone;
END
$$;
REVOKE ALL ON FUNCTION publish_events(integer), trim_events(timestamptz, integer) FROM PUBLIC;

-- How much of an order's log each consumer inside has had. Written in the transaction of what it did, so that it does it once.
CREATE TABLE event_positions (
  order_id uuid NOT NULL REFERENCES orders ON DELETE CASCADE,
  consumer text NOT NULL CHECK (consumer ~ '^[a-z][a-z0-9_]{0,59}$'),
  event_no bigint NOT NULL CHECK (event_no >= 0),
  PRIMARY KEY (order_id, consumer)
);

CREATE FUNCTION announce_shipment_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO outbox (event_id, order_id, event_no, type, recorded_at) VALUES (NEW.id, NEW.order_id, NEW.event_no, NEW.type, NEW.recorded_at);
  -- Equal notices of one transaction are told once.
  PERFORM pg_notify('dropmate_orders', NEW.order_id::text);
  RETURN NULL;
END
$$;
CREATE TRIGGER shipment_events_announce AFTER INSERT ON shipment_events FOR EACH ROW EXECUTE FUNCTION announce_shipment_event();

-- session_token is the SHA-256 of the token. The token itself is derived from the id, so that a replay can show it again.
CREATE TABLE tracking_sessions (
  id            uuid PRIMARY KEY,
  order_id      uuid NOT NULL REFERENCES orders ON DELETE CASCADE,
  customer_id   uuid REFERENCES customers ON DELETE CASCADE,
  session_token bytea NOT NULL CHECK (octet_length(session_token) = 32),
  created_by    uuid REFERENCES users ON DELETE SET NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz NOT NULL,
  revoked_at    timestamptz,
  CONSTRAINT tracking_sessions_order_token UNIQUE (order_id, session_token)
);
CREATE UNIQUE INDEX tracking_sessions_token ON tracking_sessions (session_token);
CREATE INDEX tracking_sessions_customer ON tracking_sessions (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX tracking_sessions_expires ON tracking_sessions (expires_at);

CREATE FUNCTION announce_revoked_tracking() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('dropmate_tracking', NEW.id::text);
  RETURN NULL;
END
$$;
CREATE TRIGGER tracking_sessions_announce AFTER UPDATE OF revoked_at ON tracking_sessions FOR EACH ROW
  WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION announce_revoked_tracking();

GRANT SELECT, INSERT, UPDATE ON shipments, driver_assignments, delivery_runs, route_stops, tracking_sessions TO dropmate_app;
GRANT SELECT, INSERT ON shipment_events TO dropmate_app;
GRANT DELETE ON route_stops TO dropmate_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON run_givings TO dropmate_app;
GRANT USAGE ON SEQUENCE driver_tasks_version TO dropmate_app;
GRANT SELECT ON shipments, driver_assignments, delivery_runs, route_stops, shipment_events, tracking_sessions TO dropmate_jobs;
GRANT SELECT ON outbox, event_logs TO dropmate_app;
GRANT SELECT, UPDATE, DELETE ON outbox TO dropmate_jobs;
GRANT SELECT, UPDATE ON event_logs TO dropmate_jobs;
GRANT SELECT, INSERT, UPDATE ON event_positions TO dropmate_jobs;
GRANT EXECUTE ON FUNCTION publish_events(integer), trim_events(timestamptz, integer) TO dropmate_jobs;
GRANT DELETE ON tracking_sessions TO dropmate_jobs;
