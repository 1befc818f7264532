/** Messages that the application's transactions send. */
export const OUTBOX_FUNCTIONS = `
-- at the commit: so turns are the order of commits, as far as one was over before the next began
CREATE FUNCTION ~.outbox_commits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  UPDATE ~.outbox SET turn = nextval('~.turns') WHERE seq = NEW.seq;
  PERFORM pg_notify('threadcast_~', 'O');
  RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER outbox_commits AFTER INSERT ON ~.outbox
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ~.outbox_commits();

-- what has become of a transaction; null: this server does not know, because it is long ago, or of a server that this one has replaced
CREATE FUNCTION ~.outcome(a_xid text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN pg_xact_status(a_xid::xid8);
EXCEPTION WHEN invalid_parameter_value THEN
  RETURN NULL;
END
$$;

-- appends what waits, the oldest first, within limits. The first row of a thread is the right to all of its rows, so that two nodes do not change their order
CREATE FUNCTION ~.take_outbox(a_now bigint, a_most int, a_bytes bigint, a_inline int)
RETURNS TABLE (thread text, id text, header text, body bytea, epoch text, pos bigint, at bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_threads text[];
  v_seqs bigint[];
  v_messages json;
  v_bodies bytea;
BEGIN
  SELECT array_agg(h.thread) INTO v_threads FROM (
    SELECT o.thread FROM ~.outbox o WHERE o.seq IN (
      SELECT (SELECT p.seq FROM ~.outbox p WHERE p.thread = w.thread ORDER BY p.turn LIMIT 1)
      FROM (SELECT DISTINCT q.thread FROM (SELECT thread FROM ~.outbox ORDER BY turn LIMIT a_most) q) w)
    FOR UPDATE SKIP LOCKED) h;
  IF v_threads IS NULL THEN RETURN; END IF;
  SELECT array_agg(r.seq) INTO v_seqs FROM (
    SELECT f.seq, sum(f.size) OVER (ORDER BY f.turn) - f.size AS passed FROM (
      SELECT o.seq, o.turn, octet_length(o.body) AS size FROM ~.outbox o WHERE o.thread = ANY (v_threads)
      ORDER BY o.turn LIMIT a_most FOR UPDATE SKIP LOCKED) f) r
  WHERE r.passed < a_bytes;
  SELECT string_agg(o.body, ''::bytea ORDER BY o.thread, o.turn), json_agg(json_build_object(
    'thread', o.thread, 'id', o.id, 'header', o.header, 'kind', 'm', 'key', o.key, 'ttl', o.ttl,
    'inline', octet_length(o.body), 'size', octet_length(o.body), 'epoch', o.epoch) ORDER BY o.thread, o.turn)
    INTO v_bodies, v_messages FROM ~.outbox o WHERE o.seq = ANY (v_seqs);
  RETURN QUERY SELECT o.thread, o.id, o.header, CASE WHEN octet_length(o.body) <= a_inline THEN o.body END, a.epoch, a.pos, a.at
    FROM ROWS FROM (~.append(a_now, v_messages, v_bodies)) WITH ORDINALITY a (epoch, pos, at, n)
    JOIN (SELECT *, row_number() OVER (ORDER BY b.thread, b.turn) AS n FROM ~.outbox b WHERE b.seq = ANY (v_seqs)) o
      ON o.n = a.n
    ORDER BY a.n;
  DELETE FROM ~.outbox WHERE seq = ANY (v_seqs);
END
$$;
`;
