import { createServer, type AddressInfo } from "node:net";
import { PosternError } from "../../model/errors.ts";

/** The embedded server has no access control: whoever can connect can start, read and end every workflow. */
export const HOST = "127.0.0.1";

export interface Ports {
  readonly port: number;
  /** Null: no web UI. */
  readonly ui: number | null;
}

/** The port asked for (`conflict` when it is in use), else the last one when it is still free, else any free one. */
export async function choosePorts(wanted: { readonly port?: number; readonly ui?: boolean }, last: Ports | null): Promise<Ports> {
  if (wanted.port !== undefined && !(await isFree(wanted.port))) throw portInUse(wanted.port);
  return {
    port: wanted.port ?? (await stablePort(last?.port ?? null)),
    ui: wanted.ui === true ? await stablePort(last?.ui ?? null) : null,
  };
}

async function stablePort(last: number | null): Promise<number> {
  return last !== null && (await isFree(last)) ? last : listenOnce(0);
}

function portInUse(port: number): PosternError {
  return new PosternError("conflict", `port ${port} of ${HOST} is in use, the Temporal server cannot listen there`, {
    fix: "stop what listens there, or set POSTERN_TEMPORAL_PORT to a free port",
  });
}

async function isFree(port: number): Promise<boolean> {
  try {
    await listenOnce(port);
    return true;
  } catch {
    return false;
  }
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host: HOST, port, exclusive: true }, () => {
      const { port: bound } = server.address() as AddressInfo;
      server.close(() => resolve(bound));
    });
  });
}
