// A thread of its own, so that what is measured is the door's loop and not the attacker's.
import { once } from "node:events";
import net from "node:net";
import { parentPort, workerData } from "node:worker_threads";

const { port, to } = workerData as { readonly port: number; readonly to: string };
const HEAD = `EHLO x.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<${to}>\r\nDATA\r\n`;
const SIZE = 8_000_000;

/** Sends all, reads what comes, and ends with the last reply line or with the connection. */
async function attack(name: string, ...pieces: readonly Buffer[]): Promise<void> {
  const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
  let seen = "";
  socket.on("data", (chunk: Buffer) => (seen = (seen + chunk.toString("latin1")).slice(-4096)));
  socket.on("error", () => {});
  await once(socket, "connect");
  for (const piece of pieces) {
    if (socket.destroyed) break;
    if (!socket.write(piece)) await Promise.race([once(socket, "drain"), once(socket, "close")]);
  }
  if (!socket.destroyed) {
    socket.write("QUIT\r\n");
    await Promise.race([once(socket, "end"), once(socket, "close")]);
  }
  socket.destroy();
  parentPort?.postMessage({ name, last: seen.trimEnd().split("\r\n").slice(-2).join("\n") });
}

function message(fill: string): readonly Buffer[] {
  return [
    Buffer.from(HEAD),
    Buffer.from("Subject: x\r\n\r\n"),
    Buffer.alloc(SIZE - (SIZE % fill.length), fill, "latin1"),
    Buffer.from("\r\n.\r\n"),
  ];
}

await Promise.all([
  attack("stuffed dots", ...message("\r\n..")),
  attack("empty lines", ...message("\r\n")),
  attack("bare line feeds", ...message("\n")),
  attack("almost the end", ...message("\r\n.\r")),
  attack("one endless line", ...message("x")),
  attack("folded header", Buffer.from(HEAD), Buffer.alloc(1_000_000, "References: <a@b>\r\n "), Buffer.from("\r\n\r\n.\r\n")),
  attack("signatures", Buffer.from(HEAD), Buffer.from(`${"DKIM-Signature: v=1\r\n".repeat(1_000)}\r\n.\r\n`)),
  attack("commands", Buffer.from("NOOP\r\n".repeat(200_000))),
  attack("unknown commands", Buffer.from("\r\n".repeat(500_000))),
  attack("recipients", Buffer.from(`EHLO x.example\r\nMAIL FROM:<>\r\n${"RCPT TO:<nobody@x.example>\r\n".repeat(20_000)}`)),
  attack("no line end", Buffer.alloc(SIZE, "EHLO ")),
  attack("one byte each", ...Array.from(`${HEAD}Subject: slow\r\n\r\nbody\r\n.\r\n`, (byte) => Buffer.from(byte))),
]);
