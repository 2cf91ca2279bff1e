-- ClickHouse. Once: clickhouse-client --multiquery < out/ddl/clickhouse.sql. Then for each sweep and each table, as it is:
--   clickhouse-client -q "INSERT INTO package FROM INFILE 'out/package/*.msgpack.lz4' COMPRESSION 'lz4' FORMAT MsgPack"

-- 1. The worst images, by findings that somebody exploits or that have a high chance to be.
SELECT i.reference, count(*) AS findings, max(v.epss) AS highest_epss
FROM image i JOIN vulnerability v ON v.sweep_id = i.sweep_id AND v.package_set = i.package_set
WHERE i.sweep_id = (SELECT max(sweep_id) FROM image) AND (v.kev OR v.epss >= 0.1) AND v.suppressed_by = ''
GROUP BY i.reference ORDER BY findings DESC, i.reference LIMIT 20;

-- 2. Where is log4j-core?
SELECT i.reference, p.version, p.path
FROM image i JOIN package p ON p.sweep_id = i.sweep_id AND p.package_set = i.package_set
WHERE i.sweep_id = (SELECT max(sweep_id) FROM image) AND p.name = 'log4j-core'
ORDER BY i.reference, p.path;

-- 3. Images with keys that are in effect.
SELECT i.reference, s.rule, s.location, s.state
FROM image i JOIN image_secret s ON s.sweep_id = i.sweep_id AND s.image_digest = i.image_digest
WHERE i.sweep_id = (SELECT max(sweep_id) FROM image) AND s.state NOT IN ('deleted', 'overwritten')
ORDER BY i.reference, s.location;

-- 4. How old are the criticals, in days, on average?
SELECT avg(dateDiff('day', v.published_at, now())) AS days, count(*) AS findings
FROM vulnerability v
WHERE v.sweep_id = (SELECT max(sweep_id) FROM image) AND v.severity = 'critical' AND v.published_at IS NOT NULL;

-- 5. What is new since the sweep before? (trawl diff says why as well.)
SELECT n.id, n.name, n.version, n.severity, count(*) AS places
FROM vulnerability n
LEFT JOIN vulnerability o ON o.sweep_id = (SELECT max(sweep_id) FROM image WHERE sweep_id < (SELECT max(sweep_id) FROM image))
    AND o.id = n.id AND o.name = n.name AND o.version = n.version AND o.path = n.path
WHERE n.sweep_id = (SELECT max(sweep_id) FROM image) AND o.id = ''
GROUP BY n.id, n.name, n.version, n.severity ORDER BY places DESC, n.id, n.name, n.version LIMIT 100;

-- 6. Findings by team, from the image's label.
SELECT t.team, t.severity, count(*) AS findings
FROM (SELECT i.labels['team'] AS team, v.severity AS severity
      FROM image i JOIN vulnerability v ON v.sweep_id = i.sweep_id AND v.package_set = i.package_set
      WHERE i.sweep_id = (SELECT max(sweep_id) FROM image)) t
GROUP BY t.team, t.severity ORDER BY findings DESC, t.team, t.severity;

-- 7. Compliance over time: the share of controls that pass, night by night.
SELECT c.sweep_id, c.specification, sum(CASE WHEN c.status = 'pass' THEN 1 ELSE 0 END) AS passed, count(*) AS assessed
FROM compliance c WHERE c.status <> 'not_assessed'
GROUP BY c.sweep_id, c.specification ORDER BY c.sweep_id, c.specification;

-- 8. What to update first: the packages whose fixes remove most, counted for each image.
SELECT v.type, v.name, count(*) AS findings, sum(CASE WHEN v.fixed_version <> '' THEN 1 ELSE 0 END) AS with_fix, count(DISTINCT i.reference) AS images
FROM image i JOIN vulnerability v ON v.sweep_id = i.sweep_id AND v.package_set = i.package_set
WHERE i.sweep_id = (SELECT max(sweep_id) FROM image)
GROUP BY v.type, v.name ORDER BY with_fix DESC, v.name LIMIT 20;

-- 9. What was not scanned, and why.
SELECT i.status, i.reason, count(*) AS images
FROM image i WHERE i.sweep_id = (SELECT max(sweep_id) FROM image) AND i.status <> 'done'
GROUP BY i.status, i.reason ORDER BY images DESC, i.reason;

-- 10. Night by night: images, criticals and secrets.
SELECT i.sweep_id, toStartOfDay(i.scanned_at) AS night, count(DISTINCT i.reference) AS images, sum(coalesce(v.criticals, 0)) AS criticals, sum(coalesce(s.secrets, 0)) AS secrets
FROM image i
LEFT JOIN (SELECT sweep_id, package_set, count(*) AS criticals FROM vulnerability WHERE severity = 'critical' GROUP BY sweep_id, package_set) v
    ON v.sweep_id = i.sweep_id AND v.package_set = i.package_set
LEFT JOIN (SELECT sweep_id, image_digest, count(*) AS secrets FROM image_secret GROUP BY sweep_id, image_digest) s
    ON s.sweep_id = i.sweep_id AND s.image_digest = i.image_digest
GROUP BY i.sweep_id, toStartOfDay(i.scanned_at) ORDER BY i.sweep_id;
