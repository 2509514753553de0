import { createServer } from "node:net";

/** Where a door opens. */
export interface Listen {
  readonly host: string;
  readonly port: number;
}

/** The error code of a door that would open there now, e.g. `EADDRINUSE`; null when it could. */
export function tryListen({ host, port }: Listen): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
