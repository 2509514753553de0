/** Where progress is shown, e.g. `process.stderr`. On a terminal one line is rewritten, elsewhere a line is added now and then. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** One piece of work that takes long enough for a person to wonder. */
export interface Progress {
  /** Shows `what` with the seconds gone by until `end` is called. Never two at once. */
  begin(what: string): Step;
}

export interface Step {
  /** What is happening now, shown behind the seconds. */
  detail(text: string): void;
  end(): void;
}

const TERMINAL_MS = 1_000;
const LOG_MS = 15_000;

export function createProgress(stream: ProgressStream): Progress {
  return { begin: (what) => beginStep(stream, what) };
}

function beginStep(stream: ProgressStream, what: string): Step {
  const terminal = stream.isTTY === true;
  const started = performance.now();
  let now = "";
  const line = (): string => {
    const seconds = Math.round((performance.now() - started) / 1000);
    return `postern: ${what}, ${seconds} s${now === "" ? "" : `: ${now}`}`;
  };
  const show = (): void => void stream.write(terminal ? `\r\x1b[2K${line().slice(0, 110)}` : `${line()}\n`);
  show();
  const timer = setInterval(show, terminal ? TERMINAL_MS : LOG_MS);
  return {
    detail: (text) => void (now = text),
    end: () => {
      clearInterval(timer);
      stream.write(terminal ? `\r\x1b[2K${line().slice(0, 110)}\n` : `${line()}\n`);
    },
  };
}

/** For callers that want no output. */
export const silent: Progress = { begin: () => ({ detail: () => {}, end: () => {} }) };
