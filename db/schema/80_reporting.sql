-- What is left of telemetry after its retention, and the numbers of a day.

-- One row for each driver and hour (UTC). Kept when the day's partition is dropped, which a materialized view over it would not be.
CREATE TABLE driver_location_hours (
  driver_id    uuid NOT NULL REFERENCES drivers ON DELETE CASCADE,
  hour         timestamptz NOT NULL CHECK (date_trunc('hour', hour, 'UTC') = hour),
  points       integer NOT NULL CHECK (points >= 1),
  first_at     timestamptz NOT NULL,
  last_at      timestamptz NOT NULL,
  distance_m   double precision NOT NULL CHECK (distance_m >= 0),
  speed_avg    real CHECK (speed_avg >= 0),
  speed_max    real CHECK (speed_max >= 0),
  lat_min      double precision NOT NULL,
  lat_max      double precision NOT NULL,
  lng_min      double precision NOT NULL,
  lng_max      double precision NOT NULL,
  rolled_up_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (driver_id, hour),
  CHECK (first_at <= last_at)
);
COMMENT ON COLUMN driver_location_hours.distance_m IS 'sum of the great circles between points that follow one another within the hour, without jumps (flag 2)';
CREATE INDEX driver_location_hours_hour ON driver_location_hours (hour);

CREATE VIEW driver_location_hourly WITH (security_invoker = true) AS SELECT * FROM driver_location_hours;

-- Up to which arrival the roll-up has looked: 'arrivals' at all, the name of a partition at that day.
CREATE TABLE roll_up_marks (
  name        text PRIMARY KEY,
  received_at timestamptz NOT NULL
);

-- Makes anew every hour of [from_at, until_at) that has points. Safe to repeat: an hour is always made from all of its points.
-- Planned for each call: a plan for any array of drivers compares each point with one driver after the other. A busy hour of
-- 2,000 drivers (125,000 points) is sorted in memory.
CREATE FUNCTION roll_up_hours(from_at timestamptz, until_at timestamptz, only_drivers uuid[] DEFAULT NULL) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC'
  SET plan_cache_mode = force_custom_plan SET work_mem = '64MB' AS $$
DECLARE
  made integer;
BEGIN
  INSERT INTO driver_location_hours AS old
    (driver_id, hour, points, first_at, last_at, distance_m, speed_avg, speed_max, lat_min, lat_max, lng_min, lng_max)
  SELECT driver_id, date_trunc('hour', recorded_at), count(*), min(recorded_at), max(recorded_at), coalesce(sum(step_m), 0),
    avg(speed), max(speed), min(lat), max(lat), min(lng), max(lng)
  FROM (
    SELECT driver_id, recorded_at, lat, lng, speed,
      CASE WHEN flags & 2 = 0 THEN great_circle_m(lag(lat) OVER way, lag(lng) OVER way, lat, lng) END AS step_m
    FROM driver_location_events
    WHERE recorded_at >= date_trunc('hour', from_at) AND recorded_at < until_at
      AND (only_drivers IS NULL OR driver_id = ANY (only_drivers))
    -- A jump is no part of the way: it has its own, so that no step leads to it or from it.
    WINDOW way AS (PARTITION BY driver_id, date_trunc('hour', recorded_at), flags & 2 ORDER BY recorded_at, seq)
  ) AS points
  GROUP BY 1, 2
  ON CONFLICT (driver_id, hour) DO UPDATE SET points = excluded.points, first_at = excluded.first_at, last_at = excluded.last_at,
    distance_m = excluded.distance_m, speed_avg = excluded.speed_avg, speed_max = excluded.speed_max, lat_min = excluded.lat_min,
    lat_max = excluded.lat_max, lng_min = excluded.lng_min, lng_max = excluded.lng_max, rolled_up_at = now()
  WHERE (old.points, old.last_at, old.distance_m) IS DISTINCT FROM (excluded.points, excluded.last_at, excluded.distance_m);
  GET DIAGNOSTICS made = ROW_COUNT;
  RETURN made;
END
$$;

-- Makes anew the hours that got points since the last call, also late ones. Looks once more at what arrived up to `overlap` before
-- the mark: a batch carries its time of arrival and commits later. What an outage held back longer, the pass over the whole day
-- before its retention ends finds (roll_up_hours).
CREATE FUNCTION roll_up_arrivals(overlap interval DEFAULT interval '15 minutes', oldest interval DEFAULT interval '4 days') RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  since timestamptz;
  upto timestamptz := now();
  made integer := 0;
  touched record;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('dropmate'), hashtext('roll_up_arrivals'));
  SELECT received_at - overlap INTO since FROM roll_up_marks WHERE name = 'arrivals';
  since := coalesce(since, upto - oldest);
  -- DISTINCT of the pairs by hash: array_agg(DISTINCT) would sort every point.
  FOR touched IN
    SELECT hour, array_agg(driver_id) AS drivers FROM (
      SELECT DISTINCT date_trunc('hour', recorded_at) AS hour, driver_id FROM driver_location_events
      WHERE received_at > since AND recorded_at >= upto - oldest
    ) AS pairs
    GROUP BY 1 ORDER BY 1
  LOOP
    made := made + roll_up_hours(touched.hour, touched.hour + interval '1 hour', touched.drivers);
  END LOOP;
  INSERT INTO roll_up_marks VALUES ('arrivals', upto) ON CONFLICT (name) DO UPDATE SET received_at = excluded.received_at;
  RETURN made;
END
$$;

-- Makes the hours of a day that no driver writes into any more, once: a mark with the partition's name says so. Made again when
-- something came later all the same (an import, a batch that committed within `overlap` of the mark); else it costs a look at
-- the BRIN index. So dropping the day, for which this is the last chance, need not read it.
CREATE FUNCTION roll_up_closed(partition text, from_at timestamptz, until_at timestamptz, overlap interval DEFAULT interval '15 minutes') RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  looked timestamptz;
  made integer;
BEGIN
  SELECT received_at - overlap INTO looked FROM roll_up_marks WHERE name = partition;
  IF looked IS NOT NULL AND NOT EXISTS (
    SELECT FROM driver_location_events WHERE recorded_at >= from_at AND recorded_at < until_at AND received_at > looked
  ) THEN
    RETURN 0;
  END IF;
  made := roll_up_hours(from_at, until_at);
  INSERT INTO roll_up_marks VALUES (partition, now()) ON CONFLICT (name) DO UPDATE SET received_at = excluded.received_at;
  RETURN made;
END
$$;

REVOKE ALL ON FUNCTION roll_up_hours(timestamptz, timestamptz, uuid[]), roll_up_arrivals(interval, interval),
  roll_up_closed(text, timestamptz, timestamptz, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION roll_up_hours(timestamptz, timestamptz, uuid[]), roll_up_arrivals(interval, interval),
  roll_up_closed(text, timestamptz, timestamptz, interval) TO dropmate_jobs;

-- A day (UTC) of the whole business, for BI. Days without anything have no row.
CREATE MATERIALIZED VIEW daily_dispatch_summary AS
WITH placed AS (
  SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS orders_placed, sum(total) AS total_placed
  FROM orders GROUP BY 1
), ended AS (
  SELECT (ended_at AT TIME ZONE 'UTC')::date AS day, count(*) FILTER (WHERE status = 'fulfilled') AS orders_fulfilled,
    count(*) FILTER (WHERE status = 'cancelled') AS orders_cancelled
  FROM orders WHERE ended_at IS NOT NULL GROUP BY 1
), shipped AS (
  SELECT (ended_at AT TIME ZONE 'UTC')::date AS day, count(*) FILTER (WHERE status = 'delivered') AS shipments_delivered,
    count(*) FILTER (WHERE status IN ('failed', 'returned')) AS shipments_failed,
    count(*) FILTER (WHERE status = 'delivered' AND promised_arrival_at IS NOT NULL) AS promised,
    count(*) FILTER (WHERE status = 'delivered' AND ended_at <= promised_arrival_at) AS on_time,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - created_at)) FILTER (WHERE status = 'delivered') AS seconds_to_door_p50
  FROM shipments WHERE ended_at IS NOT NULL GROUP BY 1
), driven AS (
  SELECT (hour AT TIME ZONE 'UTC')::date AS day, count(DISTINCT driver_id) AS drivers_active, sum(points) AS points, sum(distance_m) AS distance_m
  FROM driver_location_hours GROUP BY 1
)
SELECT day, coalesce(orders_placed, 0) AS orders_placed, coalesce(total_placed, 0) AS total_placed,
  coalesce(orders_fulfilled, 0) AS orders_fulfilled, coalesce(orders_cancelled, 0) AS orders_cancelled,
  coalesce(shipments_delivered, 0) AS shipments_delivered, coalesce(shipments_failed, 0) AS shipments_failed,
  coalesce(promised, 0) AS promised, coalesce(on_time, 0) AS on_time, seconds_to_door_p50,
  coalesce(drivers_active, 0) AS drivers_active, coalesce(points, 0) AS points, coalesce(distance_m, 0) AS distance_m
FROM placed FULL JOIN ended USING (day) FULL JOIN shipped USING (day) FULL JOIN driven USING (day);
-- Unique, so that a refresh need not lock readers out.
CREATE UNIQUE INDEX daily_dispatch_summary_day ON daily_dispatch_summary (day);

-- Only the owner of a materialized view may refresh it.
CREATE FUNCTION refresh_daily_summary() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  REFRESH MATERIALIZED VIEW CONCURRENTLY daily_dispatch_summary;
END
$$;
REVOKE ALL ON FUNCTION refresh_daily_summary() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh_daily_summary() TO dropmate_jobs;

GRANT SELECT ON driver_location_hours, driver_location_hourly, daily_dispatch_summary TO dropmate_app, dropmate_jobs;
GRANT SELECT ON roll_up_marks TO dropmate_jobs;
