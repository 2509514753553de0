// A thread that writes and sends bombs, so that what they cost the sender is not measured as the receiver's.
import { parentPort, workerData } from "node:worker_threads";
import { handOver } from "../../src/cli/smtp.ts";
import { SENT } from "./bombs.ts";

const smtp = workerData as { readonly host: string; readonly port: number };

interface Order {
  readonly name: string;
  readonly to: string;
  readonly ip: string;
}

parentPort?.on("message", (order: Order) => void carryOut(order));

async function carryOut({ name, to, ip }: Order): Promise<void> {
  const told = await send(name, to, ip).catch((error: unknown) => ({ reply: String(error), ms: 0 }));
  parentPort?.postMessage({ name, ...told });
}

async function send(name: string, recipient: string, ip: string): Promise<{ reply: string; ms: number }> {
  const bomb = SENT.find((one) => one.name === name);
  if (bomb === undefined) throw new TypeError(`no bomb \`${name}\``);
  const bytes = bomb.bytes();
  const start = performance.now();
  const { code, enhanced, text } = await handOver(smtp, { sender: "boss@acme.example", recipient, ip, helo: "bomber.example", bytes });
  return { reply: `${code} ${enhanced} ${text}`, ms: performance.now() - start };
}
