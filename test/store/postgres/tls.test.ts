import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { schemaOf } from "../../../src/store/postgres/open.ts";
import { parseDatabaseUrl } from "../../../src/store/postgres/target.ts";
import { selfSigned } from "../../support/certificate.ts";
import { startPostgres, type PostgresServer } from "../../support/postgres/server.ts";

let server: PostgresServer | undefined;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-tls-"));
  const own = selfSigned("localhost");
  await writeFile(join(folder, "ca.pem"), own.cert);
  await writeFile(join(folder, "other.pem"), selfSigned("localhost").cert);
  server = await startPostgres(own).catch(() => undefined);
});
afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const look = (host: string, query: string) => {
  const url = new URL(server!.url);
  url.hostname = host;
  url.search = query;
  return schemaOf(parseDatabaseUrl(url.href));
};

it("verify-full asks for a certificate of a known authority that names the host; require only encrypts", async ({ skip }) => {
  if (server === undefined) skip("no PostgreSQL of our own can be started");
  const ca = (name: string): string => `?sslmode=verify-full&sslrootcert=${join(folder, name)}`;
  expect(await look("localhost", ca("ca.pem"))).toBe(0);
  for (const [host, query] of [
    ["localhost", "?sslmode=verify-full"],
    ["localhost", ca("other.pem")],
    ["127.0.0.1", ca("ca.pem")],
    ["localhost", ca("absent.pem")],
  ] as const) {
    await expect(look(host, query), host + query).rejects.toMatchObject({ code: "invalid_config" });
  }
  expect(await look("127.0.0.1", "?sslmode=require")).toBe(0);
});
