const NAMED: ReadonlyMap<string, string> = new Map([
  ["white", "ffffff"],
  ["black", "000000"],
  ["red", "ff0000"],
  ["yellow", "ffff00"],
  ["blue", "0000ff"],
  ["gray", "808080"],
  ["grey", "808080"],
  ["silver", "c0c0c0"],
  ["snow", "fffafa"],
  ["ivory", "fffff0"],
  ["whitesmoke", "f5f5f5"],
]);

/** Six hex digits, the name of a colour, `transparent`, or null. Differences nobody sees are dropped. */
export function normalColor(value: string): string | null {
  const word = value.trim().split(" ", 1)[0] ?? "";
  if (word.startsWith("#")) return hexColor(word.slice(1));
  if (value.startsWith("rgb")) return rgbColor(value);
  if (value.includes("(") || word === "" || word === "inherit" || word === "currentcolor") return null;
  const named = NAMED.get(word);
  return named === undefined ? word : coarse(named);
}

function hexColor(digits: string): string | null {
  if (digits.length === 3 || digits.length === 4) return hexColor([...digits].map((digit) => digit + digit).join(""));
  if (digits.length === 8 && digits.endsWith("00")) return "transparent";
  return digits.length === 6 || digits.length === 8 ? coarse(digits.slice(0, 6)) : null;
}

function rgbColor(value: string): string | null {
  const inner = value.slice(value.indexOf("(") + 1, value.indexOf(")"));
  const parts = inner
    .replaceAll("/", " ")
    .replaceAll(",", " ")
    .split(" ")
    .filter((part) => part !== "")
    .map((part, index) => Number.parseFloat(part) * (part.endsWith("%") && index < 3 ? 2.55 : 1));
  if (parts.length < 3 || parts.some(Number.isNaN)) return null;
  if (parts.length > 3 && (parts[3] ?? 1) < 0.05) return "transparent";
  return coarse(
    parts
      .slice(0, 3)
      .map((part) =>
        Math.max(0, Math.min(255, Math.round(part)))
          .toString(16)
          .padStart(2, "0"),
      )
      .join(""),
  );
}

/** #fefefe on white is as hidden as white on white: four bits a channel are left, rounded. */
function coarse(hex: string): string | null {
  const value = Number.parseInt(hex, 16);
  if (Number.isNaN(value)) return null;
  return [16, 8, 0].map((shift) => Math.round(((value >> shift) & 255) / 17).toString(16)).join("");
}
