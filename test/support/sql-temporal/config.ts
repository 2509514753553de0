/** Where each of the server's four parts answers, and where they find each other. */
export interface Ports {
  readonly frontend: number;
  readonly matching: number;
  readonly history: number;
  readonly worker: number;
  readonly membership: readonly [number, number, number, number];
}

const HOST = "127.0.0.1";

/** What `temporal-server --config-file` reads. JSON is YAML. */
export function serverConfig(database: URL, names: { readonly state: string; readonly visibility: string }, ports: Ports): string {
  const [frontend, matching, history, worker] = ports.membership;
  return JSON.stringify({
    log: { stdout: true, level: "warn" },
    persistence: {
      numHistoryShards: 4,
      defaultStore: "state",
      visibilityStore: "visibility",
      datastores: { state: { sql: store(database, names.state) }, visibility: { sql: store(database, names.visibility) } },
    },
    global: { membership: { maxJoinDuration: "30s", broadcastAddress: HOST } },
    services: {
      frontend: { rpc: place(ports.frontend, frontend) },
      matching: { rpc: place(ports.matching, matching) },
      history: { rpc: place(ports.history, history) },
      worker: { rpc: place(ports.worker, worker) },
    },
    clusterMetadata: {
      enableGlobalNamespace: false,
      failoverVersionIncrement: 10,
      masterClusterName: "active",
      currentClusterName: "active",
      clusterInformation: {
        active: { enabled: true, initialFailoverVersion: 1, rpcName: "frontend", rpcAddress: `${HOST}:${ports.frontend}` },
      },
    },
    publicClient: { hostPort: `${HOST}:${ports.frontend}` },
    dcRedirectionPolicy: { policy: "noop" },
  });
}

function store({ host, username, password }: URL, databaseName: string): object {
  const name = { pluginName: "postgres12", databaseName, connectAddr: host, connectProtocol: "tcp" };
  return { ...name, user: decodeURIComponent(username), password: decodeURIComponent(password), maxConns: 20, maxIdleConns: 20 };
}

function place(grpcPort: number, membershipPort: number): object {
  return { grpcPort, membershipPort, bindOnIP: HOST };
}
