/**
 * The schema of the catalogue, documented in docs/catalogue.md. Whoever changes it raises `SCHEMA_VERSION`, adds the
 * step from the version before to `migrations.ts`, and keeps a file of that version for the tests.
 */

/** Which of SQLite's files are ours: the header's `application_id`, the letters "agct". */
export const APPLICATION_ID = 0x61676374;

/** The version in the header's `user_version`. 0 is a file without tables. */
export const SCHEMA_VERSION = 1;

/** For those who remove a member: the chains that lead through it. */
export const CHAINS_BY_MEMBER = "CREATE INDEX chains_by_member ON chains (member)";

/**
 * Makes all tables and views in an empty database. Times are texts such as `2026-01-02T03:04:05.678Z`. Other programs
 * read it with the SQLite of their system, and one that does not understand a view opens nothing of the file: so nothing
 * stands here that SQLite 3.37 does not know.
 */
export const SCHEMA = `
CREATE TABLE catalogue (
  incarnation TEXT NOT NULL,
  sequence INTEGER NOT NULL
) STRICT;

CREATE TABLE repositories (
  repository INTEGER PRIMARY KEY,
  repository_id TEXT NOT NULL UNIQUE,
  location TEXT NOT NULL,
  first_seen TEXT NOT NULL,
  last_seen TEXT NOT NULL,
  refreshed TEXT
) STRICT;

CREATE TABLE backups (
  backup INTEGER PRIMARY KEY,
  repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
  backup_id TEXT NOT NULL,
  snapshot_id TEXT NOT NULL,
  series TEXT NOT NULL,
  kind TEXT NOT NULL,
  host TEXT NOT NULL,
  level INTEGER,
  parent TEXT,
  base TEXT,
  run_type TEXT,
  started TEXT NOT NULL,
  finished TEXT,
  engine TEXT,
  size INTEGER,
  added INTEGER,
  stored INTEGER,
  complete INTEGER,
  problems INTEGER,
  damage TEXT,
  has_details INTEGER NOT NULL,
  is_deleted INTEGER NOT NULL,
  deleted_at TEXT,
  updated TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  UNIQUE (repository, snapshot_id)
) STRICT;
CREATE INDEX backups_by_series ON backups (series, started);
CREATE INDEX backups_by_id ON backups (backup_id, repository);
CREATE INDEX backups_by_base ON backups (repository, base);

CREATE TABLE removed_snapshots (
  repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
  snapshot_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  PRIMARY KEY (repository, snapshot_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE tags (
  backup INTEGER NOT NULL REFERENCES backups ON DELETE CASCADE,
  position INTEGER NOT NULL,
  tag TEXT NOT NULL,
  PRIMARY KEY (backup, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_by_tag ON tags (tag);

CREATE TABLE files (
  backup INTEGER NOT NULL REFERENCES backups ON DELETE CASCADE,
  path TEXT NOT NULL,
  size INTEGER NOT NULL,
  md5 TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  format TEXT,
  complete INTEGER
) STRICT;
CREATE INDEX files_by_backup ON files (backup, path);
CREATE INDEX files_by_sha256 ON files (sha256);

CREATE TABLE tables (
  backup INTEGER NOT NULL REFERENCES backups ON DELETE CASCADE,
  path TEXT NOT NULL,
  kind TEXT NOT NULL,
  database TEXT,
  schema TEXT,
  name TEXT NOT NULL,
  data_bytes INTEGER NOT NULL,
  structure_bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX tables_by_backup ON tables (backup, path);
CREATE INDEX tables_by_name ON tables (name);

CREATE TABLE chains (
  backup INTEGER NOT NULL REFERENCES backups ON DELETE CASCADE,
  position INTEGER NOT NULL,
  member INTEGER NOT NULL REFERENCES backups ON DELETE CASCADE,
  level INTEGER NOT NULL,
  PRIMARY KEY (backup, position)
) STRICT, WITHOUT ROWID;
${CHAINS_BY_MEMBER};

CREATE TABLE runs (
  run INTEGER PRIMARY KEY,
  session TEXT NOT NULL,
  command TEXT NOT NULL,
  repository INTEGER REFERENCES repositories ON DELETE SET NULL,
  series TEXT,
  started TEXT NOT NULL,
  finished TEXT NOT NULL,
  exit_code INTEGER NOT NULL,
  error TEXT
) STRICT;
CREATE INDEX runs_by_session ON runs (session);

CREATE TABLE checks (
  id INTEGER PRIMARY KEY,
  session TEXT NOT NULL,
  repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
  read_data TEXT NOT NULL,
  findings INTEGER NOT NULL,
  finished TEXT NOT NULL
) STRICT;

CREATE TABLE verified_restores (
  id INTEGER PRIMARY KEY,
  session TEXT NOT NULL,
  repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
  backup_id TEXT NOT NULL,
  snapshot_id TEXT NOT NULL,
  series TEXT NOT NULL,
  command TEXT NOT NULL,
  is_whole INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  finished TEXT NOT NULL
) STRICT;
CREATE INDEX verified_restores_by_backup ON verified_restores (backup_id);

CREATE VIEW backups_bakthat AS
SELECT
  CASE
    WHEN r.location GLOB '[a-z]*:*' THEN substr(r.location, 1, instr(r.location, ':') - 1)
    ELSE 'local'
  END AS backend,
  r.repository_id AS backend_hash,
  CAST(strftime('%s', b.started) AS INTEGER) AS backup_date,
  b.series AS filename,
  b.is_deleted AS is_deleted,
  CAST(strftime('%s', b.updated) AS INTEGER) AS last_updated,
  json_object(
    'is_enc', json('true'), 'client', b.host, 'level', b.level, 'engine', b.engine,
    'run_type', b.run_type, 'snapshot', b.snapshot_id
  ) AS metadata,
  b.size AS size,
  b.series || '@' || b.backup_id AS stored_filename,
  coalesce(
    (SELECT group_concat(tag, ' ') FROM (SELECT tag FROM tags t WHERE t.backup = b.backup ORDER BY position)), ''
  ) AS tags
FROM backups b
JOIN repositories r USING (repository)
WHERE b.kind IN ('backup', 'value')
  AND NOT (
    b.is_deleted AND EXISTS (
      SELECT 1 FROM backups o
      WHERE o.backup_id = b.backup_id AND o.repository = b.repository AND NOT o.is_deleted
    )
  );
`;
