-- The data plane: points, the cursor of each device, what could not be stored, and where each driver is now.

CREATE TYPE telemetry_source AS ENUM ('gps', 'fused', 'network', 'manual', 'mock');

-- One partition for each UTC day, made by ensure_telemetry_day(); no DEFAULT partition, so that an old one can be detached
-- concurrently. No surrogate key and no declared foreign key: one btree serves reads and uniqueness, and the cursor row,
-- updated in the same transaction, holds driver and session (ADR 0003).
CREATE TABLE driver_location_events (
  driver_id       uuid NOT NULL,
  recorded_at     timestamptz NOT NULL,
  received_at     timestamptz NOT NULL DEFAULT now(),
  seq             bigint,
  lat             double precision NOT NULL,
  lng             double precision NOT NULL,
  session_id      uuid,
  device_no       integer,
  speed           real,
  heading         real,
  accuracy        real,
  flags           integer NOT NULL DEFAULT 0,
  speed_raw_cms   integer,
  accuracy_raw_cm integer,
  source          telemetry_source NOT NULL DEFAULT 'gps',
  battery         smallint,
  CONSTRAINT driver_location_events_lat CHECK (lat >= -90 AND lat <= 90),
  CONSTRAINT driver_location_events_lng CHECK (lng >= -180 AND lng <= 180),
  CONSTRAINT driver_location_events_speed CHECK (speed >= 0 AND speed < 'Infinity'),
  CONSTRAINT driver_location_events_heading CHECK (heading >= 0 AND heading < 360),
  CONSTRAINT driver_location_events_accuracy CHECK (accuracy > 0 AND accuracy < 200),
  CONSTRAINT driver_location_events_battery CHECK (battery >= 0 AND battery <= 100),
  CONSTRAINT driver_location_events_seq CHECK ((device_no IS NULL) = (seq IS NULL) AND seq >= 1)
) PARTITION BY RANGE (recorded_at);
COMMENT ON COLUMN driver_location_events.speed IS 'metres per second; clamped to 70 when flag 1 is set, the raw value is in speed_raw_cms';
COMMENT ON COLUMN driver_location_events.heading IS 'degrees from true north, 0 to below 360';
COMMENT ON COLUMN driver_location_events.accuracy IS '68 % radius in metres; NULL when unknown, or 200 m and worse (flag 4, raw value in accuracy_raw_cm)';
COMMENT ON COLUMN driver_location_events.flags IS 'bits: 1 implausible speed, 2 jump, 4 poor accuracy, 8 late';
CREATE UNIQUE INDEX driver_location_events_point ON driver_location_events (driver_id, recorded_at, device_no, seq);
CREATE INDEX driver_location_events_recorded ON driver_location_events USING brin (recorded_at, received_at);

-- received_at follows the order of arrival, which is the order on disk: the roll-up finds what is new since it last looked
-- (80_reporting.sql) without a btree, and COPY does not feel it.
COMMENT ON INDEX driver_location_events_recorded IS 'serves ranges of time over all drivers, by event or by arrival';

-- How far each device's sequence is committed, who may continue it, and the newest place it gives for its driver.
-- Updated in the transaction that stores the points: an acknowledgement rests on this row.
-- Half-filled pages keep the update of a cursor on its own page (99.8 % HOT against 76 % when full).
CREATE TABLE driver_ingest_cursors (
  driver_id          uuid NOT NULL REFERENCES drivers ON DELETE CASCADE,
  device_no          integer NOT NULL CHECK (device_no >= 0),
  session_id         uuid REFERENCES driver_sessions,
  attempt            bigint NOT NULL DEFAULT 0,
  last_seq           bigint NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
  last_recorded_at   timestamptz,
  marker_recorded_at timestamptz,
  marker_received_at timestamptz,
  marker_lat         double precision,
  marker_lng         double precision,
  marker_speed       real,
  marker_heading     real,
  marker_accuracy    real,
  PRIMARY KEY (driver_id, device_no)
) WITH (fillfactor = 50);

-- Settled, acknowledged, and not a point: why, and what the phone sent (without the place when the driver was off duty).
CREATE TABLE telemetry_quarantine (
  driver_id   uuid NOT NULL,
  device_no   integer NOT NULL,
  seq         bigint NOT NULL,
  code        text NOT NULL CHECK (code IN ('not_finite', 'out_of_range', 'wrong_type', 'clock_future', 'clock_past', 'off_duty', 'refused_by_database')),
  session_id  uuid,
  received_at timestamptz NOT NULL DEFAULT now(),
  detail      jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (driver_id, device_no, seq)
);
CREATE INDEX telemetry_quarantine_received ON telemetry_quarantine (received_at);

-- Makes the partition of one UTC day if it is missing; says whether it had to. LIKE and ATTACH lock the parent far less than
-- CREATE ... PARTITION OF; the advisory lock lets two writers ask at once.
CREATE FUNCTION ensure_telemetry_day(day date) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  partition text := 'driver_location_events_' || to_char(day, 'YYYYMMDD');
BEGIN
  IF to_regclass(partition) IS NOT NULL THEN
    RETURN false;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('dropmate'), hashtext('driver_location_events'));
  -- Not to_regclass again: it remembers that there was no such table, and waiting for the lock does not make it look anew.
  IF EXISTS (SELECT FROM pg_class WHERE relname = partition AND relnamespace = 'public'::regnamespace) THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE driver_location_events INCLUDING ALL)', partition);
  EXECUTE format('ALTER TABLE driver_location_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
    partition, day::timestamptz, (day + 1)::timestamptz);
  RETURN true;
END
$$;
REVOKE ALL ON FUNCTION ensure_telemetry_day(date) FROM PUBLIC;

-- Rows of any writer but ours (device_no IS NULL) get here what the actor does for ours. AFTER and not BEFORE: a BEFORE row
-- trigger, even one whose WHEN is false, switches off the multi-insert of COPY (10 % slower, 28 % more WAL).
CREATE FUNCTION settle_manual_point() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM drivers WHERE id = NEW.driver_id) THEN
    RAISE foreign_key_violation USING MESSAGE = format('driver %s does not exist', NEW.driver_id);
  END IF;
  IF NEW.session_id IS NOT NULL AND NOT EXISTS (SELECT FROM driver_sessions WHERE id = NEW.session_id AND driver_id = NEW.driver_id) THEN
    RAISE foreign_key_violation USING MESSAGE = format('session %s is not one of driver %s', NEW.session_id, NEW.driver_id);
  END IF;
  IF NEW.speed > 70 THEN
    UPDATE driver_location_events
    SET speed = 70, speed_raw_cms = least(round(NEW.speed * 100), 2147483647)::integer, flags = flags | 1
    WHERE driver_id = NEW.driver_id AND recorded_at = NEW.recorded_at AND device_no IS NULL AND speed = NEW.speed;
  END IF;
  IF NEW.flags & 6 = 0 THEN
    INSERT INTO driver_ingest_cursors AS cursor
      (driver_id, device_no, marker_recorded_at, marker_received_at, marker_lat, marker_lng, marker_speed, marker_heading, marker_accuracy)
    VALUES (NEW.driver_id, 0, NEW.recorded_at, NEW.received_at, NEW.lat, NEW.lng, CASE WHEN NEW.speed > 70 THEN 70 ELSE NEW.speed END, NEW.heading, NEW.accuracy)
    ON CONFLICT (driver_id, device_no) DO UPDATE
    SET marker_recorded_at = excluded.marker_recorded_at, marker_received_at = excluded.marker_received_at,
        marker_lat = excluded.marker_lat, marker_lng = excluded.marker_lng, marker_speed = excluded.marker_speed,
        marker_heading = excluded.marker_heading, marker_accuracy = excluded.marker_accuracy
    WHERE cursor.marker_recorded_at IS NULL
       OR (excluded.marker_recorded_at, excluded.marker_received_at) > (cursor.marker_recorded_at, cursor.marker_received_at);
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER driver_location_events_manual AFTER INSERT ON driver_location_events FOR EACH ROW
  WHEN (NEW.device_no IS NULL) EXECUTE FUNCTION settle_manual_point();

-- Where each driver is: the greatest (recorded_at, received_at, device) over its devices. Current at each commit.
CREATE VIEW active_driver_locations WITH (security_invoker = true) AS
SELECT DISTINCT ON (driver_id)
  driver_id, marker_recorded_at AS recorded_at, marker_received_at AS received_at, marker_lat AS lat, marker_lng AS lng,
  marker_speed AS speed, marker_heading AS heading, marker_accuracy AS accuracy, device_no, session_id
FROM driver_ingest_cursors
WHERE marker_recorded_at IS NOT NULL
ORDER BY driver_id, marker_recorded_at DESC, marker_received_at DESC, device_no DESC;

GRANT SELECT, INSERT ON driver_location_events TO dropmate_writer;
GRANT SELECT, INSERT, UPDATE ON driver_ingest_cursors TO dropmate_writer;
GRANT SELECT, INSERT ON telemetry_quarantine TO dropmate_writer;
GRANT SELECT ON active_driver_locations TO dropmate_writer;
GRANT EXECUTE ON FUNCTION ensure_telemetry_day(date) TO dropmate_writer, dropmate_jobs;
GRANT SELECT ON driver_location_events, driver_ingest_cursors, telemetry_quarantine, active_driver_locations TO dropmate_app, dropmate_jobs;
GRANT DELETE ON telemetry_quarantine TO dropmate_jobs;

-- The fence of the ingest transaction: fails it when a cursor was taken over or does not stand where the writer left it.
CREATE FUNCTION require_cursors_moved(moved bigint, expected bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF moved <> expected THEN
    RAISE EXCEPTION USING ERRCODE = 'DM001', MESSAGE = format('%s of %s cursors moved', moved, expected);
  END IF;
END
$$;

-- HELLO in one round trip: finds or registers the device, takes its cursor (waiting for a flush under way), begins the
-- session and ends the one before it. `refusal` is NULL on success, else why nothing was changed.
CREATE FUNCTION open_driver_session(
  in_driver_id uuid, in_device_identifier text, in_platform text, in_app_version text, in_capabilities text[], in_attempt bigint,
  in_node text, new_device_id uuid, new_session_id uuid, devices_max integer,
  OUT refusal text, OUT device_no integer, OUT last_seq bigint, OUT last_recorded_at timestamptz, OUT replaced_session_id uuid,
  OUT marker_recorded_at timestamptz, OUT marker_received_at timestamptz, OUT marker_lat double precision, OUT marker_lng double precision,
  OUT driver_name text, OUT duty text, OUT driver_marker jsonb, OUT duty_changes jsonb
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  device driver_devices%ROWTYPE;
  cursor_row driver_ingest_cursors%ROWTYPE;
BEGIN
  SELECT u.name, d.duty INTO driver_name, duty
  FROM drivers d JOIN users u ON u.id = d.user_id
  WHERE d.id = in_driver_id AND d.deleted_at IS NULL AND d.employment_status IN ('active', 'invited')
    AND u.deleted_at IS NULL AND u.status <> 'disabled';
  IF NOT FOUND THEN
    refusal := 'not_permitted';
    RETURN;
  END IF;

  SELECT * INTO device FROM driver_devices WHERE driver_id = in_driver_id AND device_identifier = in_device_identifier;
  IF NOT FOUND THEN
    PERFORM pg_advisory_xact_lock(hashtextextended(in_driver_id::text, 1));
    IF (SELECT count(*) FROM driver_devices WHERE driver_id = in_driver_id AND last_seen_at > now() - interval '30 days') >= devices_max THEN
      refusal := 'too_many_devices';
      RETURN;
    END IF;
    INSERT INTO driver_devices (id, driver_id, device_no, platform, device_identifier)
    SELECT new_device_id, in_driver_id, coalesce(max(device_no), 0) + 1, in_platform, in_device_identifier
    FROM driver_devices WHERE driver_id = in_driver_id
    ON CONFLICT (driver_id, device_identifier) DO NOTHING;
    SELECT * INTO device FROM driver_devices WHERE driver_id = in_driver_id AND device_identifier = in_device_identifier;
  ELSE
    UPDATE driver_devices SET last_seen_at = now(), platform = in_platform WHERE id = device.id;
  END IF;

  INSERT INTO driver_ingest_cursors (driver_id, device_no) VALUES (in_driver_id, device.device_no) ON CONFLICT DO NOTHING;
  SELECT * INTO cursor_row FROM driver_ingest_cursors WHERE driver_id = in_driver_id AND device_no = device.device_no FOR UPDATE;
  IF in_attempt < cursor_row.attempt THEN
    refusal := 'replaced';
    RETURN;
  END IF;

  INSERT INTO driver_sessions (id, driver_id, device_id, app_version, capabilities, node)
  VALUES (new_session_id, in_driver_id, device.id, in_app_version, in_capabilities, in_node);
  UPDATE driver_ingest_cursors SET session_id = new_session_id, attempt = coalesce(in_attempt, cursor_row.attempt + 1)
  WHERE driver_id = in_driver_id AND device_no = device.device_no;
  IF cursor_row.session_id IS NOT NULL THEN
    UPDATE driver_sessions SET ended_at = now(), end_code = 4503 WHERE id = cursor_row.session_id AND ended_at IS NULL;
    IF FOUND THEN
      PERFORM pg_notify('dropmate_sessions', cursor_row.session_id::text);
    END IF;
  END IF;

  device_no := device.device_no;
  last_seq := cursor_row.last_seq;
  last_recorded_at := cursor_row.last_recorded_at;
  replaced_session_id := cursor_row.session_id;
  marker_recorded_at := cursor_row.marker_recorded_at;
  marker_received_at := cursor_row.marker_received_at;
  marker_lat := cursor_row.marker_lat;
  marker_lng := cursor_row.marker_lng;
  SELECT to_jsonb(l) INTO driver_marker FROM active_driver_locations l WHERE driver_id = in_driver_id;
  SELECT jsonb_agg(jsonb_build_object('occurred_at', extract(epoch FROM occurred_at) * 1000, 'duty', duty) ORDER BY occurred_at)
  INTO duty_changes
  FROM (
    SELECT occurred_at, duty FROM driver_duty_changes WHERE driver_id = in_driver_id
    ORDER BY occurred_at DESC LIMIT 256
  ) AS recent;
END
$$;
GRANT SELECT (id, name, status, deleted_at) ON users TO dropmate_writer;
GRANT SELECT ON driver_duty_changes TO dropmate_writer;
