import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Connection } from "@temporalio/client";

const ATTEMPT_MS = 5_000;
const LOOK_MS = 25;

/**
 * Resolves when the server at `address` answers gRPC and keeps closed workflows of `namespace` for `retentionDays`. Tries until then;
 * rejects only when `signal` aborts.
 */
export async function waitUntilReady(address: string, namespace: string, retentionDays: number, signal: AbortSignal): Promise<void> {
  // A gRPC channel that is refused once waits a second before its next try; a bare connection tells sooner.
  while (!(await accepts(address))) await delay(LOOK_MS, undefined, { signal });
  for (;;) {
    signal.throwIfAborted();
    try {
      return await setRetention(address, namespace, retentionDays);
    } catch {
      await delay(LOOK_MS, undefined, { signal });
    }
  }
}

function accepts(address: string): Promise<boolean> {
  const { hostname, port } = new URL(`tcp://${address}`);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    const settle = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", settle(true)).once("error", settle(false));
  });
}

async function setRetention(address: string, namespace: string, days: number): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: ATTEMPT_MS });
  try {
    // protobufjs encodes a number as an int64; the generated type knows only Long.
    const config = { workflowExecutionRetentionTtl: { seconds: (days * 86_400) as never } };
    await connection.withDeadline(Date.now() + ATTEMPT_MS, () => connection.workflowService.updateNamespace({ namespace, config }));
  } finally {
    await connection.close();
  }
}
