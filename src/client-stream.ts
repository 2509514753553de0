/** One event of a stream of server-sent events. */
export interface StreamEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

/** Most characters of one event; a message's text is at most a few million. */
const MOST = 16 * 1024 * 1024;

/**
 * The events of a body (WHATWG HTML §9.2.6), comments left out. Ends when the body does; throws a `RangeError` on an event
 * that never ends.
 */
export async function* eventsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEvent, void, void> {
  let fields = newFields();
  for await (const line of linesOf(body)) {
    if (line !== "") {
      addLine(fields, line);
      continue;
    }
    if (fields.data.length > 0) yield { event: fields.event, id: fields.id, data: fields.data.join("\n") };
    fields = newFields(fields.id);
  }
}

interface Fields {
  event: string;
  id: string;
  readonly data: string[];
}

function newFields(id = ""): Fields {
  return { event: "message", id, data: [] };
}

function addLine(fields: Fields, line: string): void {
  const colon = line.indexOf(":");
  if (colon === 0) return;
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
  if (name === "data") fields.data.push(value);
  else if (name === "event" || name === "id") fields[name] = value;
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  // Pieces, so that a long line is put together once.
  let pieces: string[] = [];
  let size = 0;
  for await (const chunk of body) {
    const parts = decoder.decode(chunk, { stream: true }).split("\n");
    for (const [index, part] of parts.entries()) {
      size += part.length;
      if (size > MOST) throw new RangeError("an event is too long");
      pieces.push(part);
      if (index === parts.length - 1) break;
      const line = pieces.join("");
      [pieces, size] = [[], 0];
      yield line.endsWith("\r") ? line.slice(0, -1) : line;
    }
  }
}
