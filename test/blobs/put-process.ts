// Puts and removes blobs as it is told, and says when each is done. It is made to be killed.
import { createHash } from "node:crypto";
import { createFileBlobs } from "../../src/blobs/fs.ts";
import type { TenantId } from "../../src/model/ids.ts";
import { letter } from "./letter.ts";

export interface Order {
  readonly verb: "put" | "remove";
  readonly number: number;
}

export interface Done extends Order {
  /** The code of the refusal; null when it is done. */
  readonly refused: string | null;
}

const [root, restMs] = process.argv.slice(2) as [string, string];
const tenant: TenantId = "ten_0000000000000000";
const blobs = await createFileBlobs(root, Date.now, { restMs: Number(restMs) });

async function carryOut({ verb, number }: Order): Promise<void> {
  const bytes = letter(number);
  if (verb === "remove") return blobs.remove(tenant, createHash("sha256").update(bytes).digest("hex"));
  const writer = await blobs.create(tenant);
  await writer.write(bytes);
  await writer.commit();
}

process.on("message", (order: Order) => {
  const answer = (refused: string | null): void => void process.send?.({ ...order, refused } satisfies Done);
  carryOut(order).then(
    () => answer(null),
    (error: unknown) => answer((error as { code?: string }).code ?? String(error)),
  );
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
