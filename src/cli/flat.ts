/** `rate_limit.perHour=20 match.in=subject,text`: nested facts on one line, without what is null. */
export function flat(value: unknown, path = ""): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value))
    return value.every((each) => typeof each !== "object") ? `${path}=${value.join(",")}` : `${path}=${JSON.stringify(value)}`;
  if (typeof value !== "object") return `${path}=${String(value)}`;
  const entries = Object.entries(value).map(([name, each]) => flat(each, path === "" ? name : `${path}.${name}`));
  return entries.filter((entry) => entry !== "").join(" ");
}
