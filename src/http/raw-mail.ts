import { setImmediate as nextTurn } from "node:timers/promises";

/** Bytes written in one turn of the loop: a client that is fast enough takes 25 MiB in one go, and nobody else is heard meanwhile. */
const PIECE = 512 * 1024;

/** The bytes of a mail as they are. Mail is hostile: a browser must neither show nor run it. */
export function rawMail(id: string, bytes: Buffer): Response {
  const headers = {
    "content-type": "message/rfc822",
    "content-disposition": `attachment; filename="${id}.eml"`,
    "content-security-policy": "sandbox; default-src 'none'",
    "content-length": String(bytes.length),
  };
  return new Response(bytes.length <= PIECE ? new Uint8Array(bytes) : inPieces(bytes), { headers });
}

function inPieces(bytes: Buffer): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      await nextTurn();
      controller.enqueue(bytes.subarray(at, at + PIECE));
      at += PIECE;
      if (at >= bytes.length) controller.close();
    },
  });
}
