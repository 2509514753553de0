import { randomBytes } from "node:crypto";
import { Client } from "pg";

/** A server that the tests have started takes its databases with it: to drop each was a quarter of what the tests on it cost. */
const IS_GIVEN = Boolean(process.env["POSTERN_TEST_DATABASE_URL"]);

export interface Database {
  readonly url: string;
  /** Nobody needs it any more: removed at once from a server that was given, with the server otherwise. */
  drop(): Promise<void>;
}

/** Another database on the server of `url`: a copy of `template`, which must have no connections. Null: an empty one. */
export async function createDatabase(url: string, template: string | null): Promise<Database> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  // An empty one is not a copy of what somebody may have put into template1.
  await inServer(url, `create database ${name} template ${template ?? "template0"}`);
  const drop = async (): Promise<void> => {
    if (IS_GIVEN) await inServer(url, `drop database if exists ${name} with (force)`);
  };
  return { url: urlOf(url, name), drop };
}

export function urlOf(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

export async function inServer(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end();
  }
}
