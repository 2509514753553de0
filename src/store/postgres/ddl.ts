// The migrations are written once, in the words of SQLite. What PostgreSQL calls otherwise is put into its words here, and
// nowhere else: the queries know no engine. INVARIANT: every statement either means the same there or is refused.

/** What stands before the first migration; idempotent. */
export const PREPARE = [
  `create table if not exists migrations (number bigint primary key, name text not null)`,
  // Stands for SQLite's raise(abort, …). 23001: restrict_violation.
  `create or replace function postern_refuse() returns trigger language plpgsql
    as $$ begin raise exception '%', tg_argv[0] using errcode = '23001'; end $$`,
];

/** One statement of a migration in the words of PostgreSQL; none where it has no need of it. */
export function toPostgres(statement: string): readonly string[] {
  if (/^\s*create\s+trigger\b/i.test(statement)) return toTrigger(statement);
  if (/^\s*drop\s+trigger\b/i.test(statement)) return [toDropped(statement)];
  return [toPlain(statement)];
}

/** `integer` holds 64 bits in SQLite; `text` is compared byte by byte there, whatever language the database speaks. */
const WORDS: Readonly<Record<string, string>> = {
  integer: "bigint",
  text: `text collate "C"`,
  blob: "bytea",
  real: "double precision",
  instr: "strpos",
};

/** Words that mean something else here or nothing. */
const UNKNOWN =
  /\b(autoincrement|rowid|glob|nocase|ifnull|datetime|strftime|unixepoch|group_concat|json_\w+|pragma|replace|ignore|generated|virtual|without)\b/i;

function toPlain(statement: string): string {
  const plain = statement.replace(/\)\s*strict(\s*,\s*without\s+rowid)?\s*$/i, ")");
  return outsideQuotes(plain, (words) => {
    const unknown = UNKNOWN.exec(words);
    if (unknown !== null) throw new Error(`a migration uses \`${unknown[0]}\`, which has no counterpart in PostgreSQL`);
    return words.replace(/\b(integer|text|blob|real|instr)\b/gi, (word) => WORDS[word.toLowerCase()] ?? word);
  });
}

/** Applies `change` to what is neither a literal nor a comment. */
function outsideQuotes(statement: string, change: (words: string) => string): string {
  return statement
    .split(/('(?:[^']|'')*'|--[^\n]*)/)
    .map((part, index) => (index % 2 === 1 ? part : change(part)))
    .join("");
}

const TRIGGER =
  /^\s*create\s+trigger\s+(?<name>\w+)\s+before\s+(?<event>update(?:\s+of\s+[\w\s,]+?)?|delete|insert)\s+on\s+(?<table>\w+)\s+(?:when\s+(?<when>[\s\S]+?)\s+)?begin\s+select\s+raise\s*\(\s*abort\s*,\s*(?<message>'(?:[^']|'')*')\s*\)\s*;\s*end\s*$/i;

/** Triggers of the schema refuse, or write down what follows from a row. */
function toTrigger(statement: string): readonly string[] {
  return /^\s*create\s+trigger\s+\w+\s+after\b/i.test(statement) ? toFollowing(statement) : toRefusing(statement);
}

const FOLLOWING =
  /^\s*create\s+trigger\s+(?<name>\w+)\s+after\s+(?<event>update|delete|insert)\s+on\s+(?<table>\w+)\s+(?:when\s+(?<when>[\s\S]+?)\s+)?begin\s+(?<statements>[\s\S]+;)\s*end\s*$/i;

function toFollowing(statement: string): readonly string[] {
  const { name, event, table, when, statements } = FOLLOWING.exec(statement)?.groups ?? {};
  if (name === undefined || event === undefined || table === undefined || statements === undefined)
    throw new Error("a migration has a trigger in words that have no counterpart in PostgreSQL");
  const condition = when === undefined ? "" : `when (${toPlain(when)}) `;
  return [
    `create function ${name}() returns trigger language plpgsql as $$ begin ${toPlain(statements)} return null; end $$`,
    `create trigger ${name} after ${event} on ${table} for each row ${condition}execute function ${name}()`,
  ];
}

function toRefusing(statement: string): readonly string[] {
  const { name, event, table, when, message } = TRIGGER.exec(statement)?.groups ?? {};
  if (name === undefined || event === undefined || table === undefined || message === undefined) {
    throw new Error("a migration has a trigger before a change that does more than refuse, which has no counterpart in PostgreSQL");
  }
  // Only SQLite's REPLACE takes a row away by an insert; here the unique index refuses.
  if (/^insert/i.test(event)) return [];
  const condition = when === undefined ? "" : `when (${when}) `;
  const refuse = `execute function postern_refuse(${message})`;
  const rows = `create trigger ${name} before ${event} on ${table} for each row ${condition}${refuse}`;
  // TRUNCATE, which SQLite does not have, asks no row's trigger.
  return /^delete/i.test(event) ? [rows, `create trigger ${name}_all before truncate on ${table} for each statement ${refuse}`] : [rows];
}

/** A trigger's name says here only together with its table which one is meant. */
function toDropped(statement: string): string {
  const name = /^\s*drop\s+trigger\s+(?<name>\w+)\s*$/i.exec(statement)?.groups?.["name"];
  if (name === undefined) throw new Error("a migration drops a trigger in words that have no counterpart in PostgreSQL");
  return `do $$ declare found record; begin
    for found in select tgname, tgrelid::regclass as place from pg_trigger
      where tgname in ('${name}', '${name}_all') and pg_table_is_visible(tgrelid)
    loop execute format('drop trigger %I on %s', found.tgname, found.place); end loop;
  end $$`;
}
