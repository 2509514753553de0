import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, Connection } from "@temporalio/client";
import { startTemporal, type TemporalServer } from "../../src/dev/temporal.ts";
import { findTemporal } from "../../src/dev/temporal/find.ts";
import { createProgress } from "../../src/dev/temporal/progress.ts";
import { startChild, type Child } from "./child.ts";

/** The process under measurement and the Temporal server it works with. */
export interface Rig {
  readonly child: Child;
  readonly server: TemporalServer;
  /** How many workflows have not closed, as far as the server's visibility knows. */
  open(): Promise<number>;
}

/** What the child is told of where it is. */
export interface RigPlace {
  /** Address of the server. */
  readonly temporal: string;
  readonly dataDir: string;
}

/** For as long as `use` takes: a server of its own, an empty directory, and a child that is set up with both. */
export async function withRig<T>(entry: URL, setup: (place: RigPlace) => object, use: (rig: Rig) => Promise<T>): Promise<T> {
  const root = await mkdtemp(join(tmpdir(), "postern-bench-"));
  const server = await startTemporal({ executable: await findTemporal(process.env, createProgress(process.stderr)), dataDir: root });
  try {
    const dataDir = join(root, "postern");
    await mkdir(dataDir);
    const connection = await Connection.connect({ address: server.address });
    try {
      const child = await startChild(entry, setup({ temporal: server.address, dataDir }));
      try {
        return await use({ child, server, open: () => countOpen(connection) });
      } finally {
        await child.stop();
      }
    } finally {
      await connection.close();
    }
  } finally {
    await server.stop();
    await rm(root, { recursive: true, force: true });
  }
}

async function countOpen(connection: Connection): Promise<number> {
  const { count } = await new Client({ connection }).workflow.count('ExecutionStatus = "Running"');
  return count;
}
