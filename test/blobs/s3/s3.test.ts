import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Blobs } from "../../../src/blobs/blobs.ts";
import { createS3Blobs, createS3Reader } from "../../../src/blobs/s3/blobs.ts";
import type { S3Settings } from "../../../src/blobs/s3/settings.ts";
import { findGateway, NO_GATEWAY, startGateway, type Gateway } from "../../support/s3-gateway.ts";
import { collect } from "../collect.ts";
import { put, TENANT, tempRoot } from "../rig.ts";

const DIGEST = "a".repeat(64);
const UNAVAILABLE = { code: "unavailable", temporary: true };

describe("an S3-compatible bucket", () => {
  const executable = findGateway();

  async function gatewayOrSkip(skip: (condition: boolean, note: string) => void): Promise<Gateway> {
    skip(executable === null, NO_GATEWAY);
    const gateway = await startGateway(executable!);
    onTestFinished(() => gateway.close());
    return gateway;
  }

  it("that is gone is a temporary fault, and serves again when it is back", async ({ skip }) => {
    const gateway = await gatewayOrSkip(skip);
    const blobs = await createS3Blobs(gateway.settings(), { spool: await tempRoot() });
    const digest = await put(blobs, "before");
    await gateway.stop();
    await expect(put(blobs, "meanwhile")).rejects.toMatchObject(UNAVAILABLE);
    await expect(blobs.get(TENANT, digest)).rejects.toMatchObject(UNAVAILABLE);
    await gateway.start();
    expect(await blobs.get(TENANT, digest)).toEqual(Buffer.from("before"));
    expect(await blobs.get(TENANT, await put(blobs, "meanwhile"))).toEqual(Buffer.from("meanwhile"));
  });

  it("is shared by every process that has its settings, and read by threads that only read", async ({ skip }) => {
    const settings = (await gatewayOrSkip(skip)).settings();
    const [one, other] = [
      await createS3Blobs(settings, { spool: await tempRoot() }),
      await createS3Blobs(settings, { spool: await tempRoot() }),
    ];
    const bytes = randomBytes(300_000);
    const digest = await put(one, bytes);
    expect(bytes.equals((await other.get(TENANT, digest))!)).toBe(true);
    expect(bytes.equals((await createS3Reader(settings).get(TENANT, digest))!)).toBe(true);
  });

  it("with another secret refuses, and tells neither of them", async ({ skip }) => {
    const settings = (await gatewayOrSkip(skip)).settings();
    const blobs = await createS3Blobs({ ...settings, secretAccessKey: "canary-of-a-secret" }, { spool: await tempRoot() });
    const refusal = await put(blobs, "never").catch((error: unknown) => error);
    expect(refusal).toMatchObject(UNAVAILABLE);
    expect(JSON.stringify(refusal, Object.getOwnPropertyNames(refusal))).not.toContain("canary-of-a-secret");
  });

  it("is not looked for its names: a bucket that is missing is a fault, not an absent blob", async ({ skip }) => {
    const settings = (await gatewayOrSkip(skip)).settings();
    const blobs = await createS3Blobs({ ...settings, bucket: "no-such-bucket" }, { spool: await tempRoot() });
    await expect(blobs.get(TENANT, DIGEST)).rejects.toMatchObject(UNAVAILABLE);
    await expect(collect(blobs.list(Infinity))).rejects.toMatchObject(UNAVAILABLE);
  });

  it("keeps nothing of bytes that changed on their way", async ({ skip }) => {
    const settings = (await gatewayOrSkip(skip)).settings();
    const digest = createHash("sha256").update("what was meant").digest("hex");
    const blobs = await scripted(async (request, response) => {
      const url = `${settings.endpoint}${request.url}`;
      const { authorization, "x-amz-date": date, "x-amz-content-sha256": sum } = request.headers as Record<string, string>;
      const headers = { authorization: authorization!, "x-amz-date": date!, "x-amz-content-sha256": sum!, host: "unused" };
      const { status } = await fetch(url, { method: "PUT", headers, body: "something else" });
      response.writeHead(status).end();
    }, settings);
    await expect(put(blobs, "what was meant")).rejects.toMatchObject(UNAVAILABLE);
    expect(await (await createS3Blobs(settings, { spool: await tempRoot() })).get(TENANT, digest)).toBeNull();
  });
});

describe("an S3-compatible server that misbehaves", () => {
  it.each([500, 503, 403, 301])("and answers %i is a temporary fault", async (status) => {
    const blobs = await scripted((_, response) => void response.writeHead(status, { location: "http://127.0.0.1:1/" }).end());
    await expect(put(blobs, "bytes")).rejects.toMatchObject(UNAVAILABLE);
    await expect(blobs.get(TENANT, DIGEST)).rejects.toMatchObject(UNAVAILABLE);
    await expect(blobs.remove(TENANT, DIGEST)).rejects.toMatchObject(UNAVAILABLE);
    await expect(collect(blobs.list(Infinity))).rejects.toMatchObject(UNAVAILABLE);
  });

  it("and never answers is given up on", async () => {
    const blobs = await scripted(() => undefined);
    await expect(blobs.get(TENANT, DIGEST)).rejects.toMatchObject(UNAVAILABLE);
  });

  it("and stops in the middle of a blob is given up on", async () => {
    const blobs = await scripted((_, response) => void response.writeHead(200, { "content-length": "100" }).write("half"));
    await expect(blobs.get(TENANT, DIGEST)).rejects.toMatchObject(UNAVAILABLE);
  });

  it("and gives other bytes than were asked for is found out", async () => {
    const blobs = await scripted((_, response) => void response.end("not what has this digest"));
    await expect(blobs.get(TENANT, DIGEST)).rejects.toMatchObject({ code: "internal" });
  });

  it("and lists pages with names of others yields every blob and nothing else", async () => {
    const [first, second] = ["b".repeat(64), "c".repeat(64)];
    const asked: (string | null)[] = [];
    const blobs = await scripted((request, response) => {
      const token = new URL(request.url!, "http://localhost").searchParams.get("continuation-token");
      asked.push(token);
      response.end(token === null ? page([key(first), "p/../../etc", "elsewhere/x"], "a&amp;b+c/d==") : page([key(second)], null));
    });
    expect(await collect(blobs.list(Date.now()))).toEqual([
      { tenant: TENANT, digest: first },
      { tenant: TENANT, digest: second },
    ]);
    expect(asked).toEqual([null, "a&b+c/d=="]);
  });

  it("and lists more than a page may hold is a temporary fault", async () => {
    const blobs = await scripted((_, response) => void response.end("x".repeat(5 << 20)));
    await expect(collect(blobs.list(Infinity))).rejects.toMatchObject(UNAVAILABLE);
  });
});

function key(digest: string): string {
  return `p/${TENANT}/${digest}`;
}

function page(keys: readonly string[], next: string | null): string {
  const contents = keys.map((name) => `<Contents><Key>${name}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`);
  const more = next === null ? "" : `<NextContinuationToken>${next}</NextContinuationToken>`;
  return `<ListBucketResult><IsTruncated>${next !== null}</IsTruncated>${contents.join("")}${more}</ListBucketResult>`;
}

async function scripted(
  answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
  settings?: S3Settings,
): Promise<Blobs> {
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const keys = settings ?? { region: "us-east-1", bucket: "b-1", prefix: "p/", accessKeyId: "id", secretAccessKey: "secret" };
  return createS3Blobs({ ...keys, endpoint: `http://127.0.0.1:${port}` }, { spool: await tempRoot(), requestMs: 500 });
}
