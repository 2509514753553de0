import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createFileBlobs } from "../../../src/blobs/fs.ts";
import { verifyIdentity } from "../../../src/mail/identity-header-verify.ts";
import type { StoredMessage } from "../../../src/mail/reader.ts";
import type { Submission } from "../../../src/model/outbound.ts";
import { createComposerPool, type ComposerPool, type ComposerPoolOptions } from "../../../src/threads/composer/pool.ts";
import { compose, FRAME, submission } from "../../mail/drafts.ts";
import { KEY, LETTER, seal, sealed } from "../../mail/sealed.ts";
import { put } from "../stored.ts";

async function composerOver(options: Partial<ComposerPoolOptions> = {}): Promise<{
  readonly pool: ComposerPool;
  store(bytes: Buffer): Promise<StoredMessage>;
  draft(changes: Partial<Submission>): Promise<StoredMessage>;
}> {
  const blobRoot = await mkdtemp(join(tmpdir(), "postern-composer-"));
  const blobs = await createFileBlobs(blobRoot, Date.now);
  const pool = createComposerPool({ source: { kind: "files", root: blobRoot }, ...options });
  onTestFinished(async () => {
    await pool.close();
    await rm(blobRoot, { recursive: true, force: true });
  });
  const store = (bytes: Buffer) => put(blobs, bytes);
  return { pool, store, draft: (changes) => store(Buffer.from(JSON.stringify(submission(changes)))) };
}

it("DESIGN §4.2 composes, scans, seals and shows what lies in the blob store, the same as in this thread", async () => {
  const { pool, store, draft } = await composerOver();
  const composed = await pool.compose(await draft(LETTER), FRAME);
  if (!("mime" in composed)) throw new Error("refused");
  expect(composed).toEqual({ ...compose(LETTER), findings: [] });
  const mime = await store(composed.mime);
  expect(await pool.scan(mime)).toEqual([]);
  const raw = await pool.seal(mime, seal());
  expect(raw.subarray(-composed.mime.length).equals(composed.mime)).toBe(true);
  expect(raw.length).toBe(sealed({}, composed).length);
  expect(await verifyIdentity(raw, [KEY.jwk])).toMatchObject({ verdict: "valid" });
  expect(await pool.preview(mime)).toMatchObject({ subject: LETTER.subject, redacted: [], attachments: [{ filename: "a.pdf" }] });
});

it("X-11 a card number in a subject, a text, an HTML part and an attachment is found and shown redacted", async () => {
  const { pool, store, draft } = await composerOver();
  const card = "4111 1111 1111 1111";
  const content = Buffer.from(`number,${card}`).toString("base64");
  const attachments = [{ filename: "cards.csv", content_type: "text/csv", content }];
  const letter = { subject: card, text: card, markdown: card, attachments };
  const mime = await store(compose(letter).mime);
  const found = await pool.scan(mime);
  expect(await pool.compose(await draft(letter), FRAME), "as it is composed").toMatchObject({ findings: found });
  expect(await pool.compose(await draft(letter), { ...FRAME, kind: "copy" })).toMatchObject({ findings: null });
  const large = Buffer.alloc(200_000).toString("base64");
  const heavy = await draft({ ...letter, attachments: [{ filename: "a.bin", content_type: "application/octet-stream", content: large }] });
  expect(await pool.compose(heavy, FRAME), "a job of its own").toMatchObject({ findings: null });
  expect(found.map(({ code, where }) => `${code} ${where}`).sort()).toEqual(
    ["attachments", "html", "subject", "text"].map((where) => `payment_card ${where}`),
  );
  const { redacted } = await pool.preview(mime);
  expect(redacted.map(({ finding }) => finding)).toEqual(found);
  expect(redacted.map(({ preview }) => preview)).toEqual(Array(4).fill("4••• •••• •••• 1111"));
});

it("the author's mistake is an answer, lost bytes and a damaged source are faults", async () => {
  const { pool, store, draft } = await composerOver();
  expect(await pool.compose(await draft({ to: ["nobody"] }), FRAME)).toMatchObject({ invalid: [{ path: "to[0]" }] });
  await expect(pool.compose(await store(Buffer.from("{}")), FRAME)).rejects.toMatchObject({ code: "internal", temporary: false });
  const gone = { tenant: FRAME.tenant, ref: { digest: "0".repeat(64), size: 1 } };
  await expect(pool.seal(gone, seal())).rejects.toMatchObject({ code: "not_found" });
});

it("Markdown that takes too long is refused, and what waits behind it is done", async () => {
  const { pool, draft } = await composerOver();
  const hostile = pool.compose(await draft({ markdown: "_a".repeat(250_000) }), FRAME);
  const honest = pool.compose(await draft({}), FRAME);
  expect(await hostile).toMatchObject({ invalid: [{ path: "markdown" }] });
  expect(await honest).toMatchObject({ subject: "Hello" });
});

it("a thread that is killed for taking too long is replaced", async () => {
  const { pool, draft } = await composerOver({ jobMs: 500 });
  await expect(pool.compose(await draft({ markdown: "_a".repeat(250_000) }), FRAME)).rejects.toMatchObject({ code: "internal" });
  expect(await pool.compose(await draft({}), FRAME)).toMatchObject({ subject: "Hello" });
});
