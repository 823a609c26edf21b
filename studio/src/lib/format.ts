// Numbers as people read them.

export function seconds(value: number): string {
  if (!Number.isFinite(value)) return "";
  if (value < 1) return "under 1 s";
  if (value < 60) return `${Math.round(value)} s`;
  if (value < 3600) {
    const rest = Math.round(value < 600 ? value / 10 : value / 60) * (value < 600 ? 10 : 60);
    const minutes = Math.floor(rest / 60);
    if (minutes >= 60) return "1 h";
    return rest % 60 ? `${minutes} min ${rest % 60} s` : `${minutes} min`;
  }
  const minutes = Math.round(value / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.round(hours / 24)} days`;
  return minutes % 60 && hours < 10 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
}

export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  for (const [unit, size] of [["kB", 1e3], ["MB", 1e6], ["GB", 1e9]] as const)
    if (value < size * 999.5 || unit === "GB") {
      const scaled = value / size;
      return `${scaled < 9.95 && unit !== "kB" ? scaled.toFixed(1) : Math.round(scaled)} ${unit}`;
    }
  return "";
}

export function number(value: number, digits = 3): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(digits - 1).replace("e+", "e");
  return String(Number(value.toPrecision(digits)));
}

/** A server's one-line message begins small and names options, as on the command line; on a page it is a sentence about settings. */
export function sentence(text: string): string {
  const plain = text.replace(/(?<!\S)--([a-z][a-z-]*)/g, (_, option: string) => option.replaceAll("-", " "));
  return /^[a-zà-ÿ]+(?![\w.:])/.test(plain) ? plain.charAt(0).toUpperCase() + plain.slice(1) : plain;
}

export function when(iso: string, now = new Date()): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "";
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (date.toDateString() === now.toDateString()) return `today, ${time}`;
  const day = date.toLocaleDateString([], { day: "numeric", month: "short", ...(date.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }) });
  return `${day}, ${time}`;
}

/** A value of a setting, in words. */
export function value(given: unknown): string {
  if (given === null || given === undefined) return "automatic";
  if (typeof given === "boolean") return given ? "yes" : "no";
  if (typeof given === "number") return number(given, 4);
  if (Array.isArray(given)) return given.map(value).join(", ");
  if (typeof given === "object")
    return Object.entries(given)
      .map(([name, weight]) => `${name}:${value(weight)}`)
      .join(", ");
  return String(given);
}

export function sizeOf(given: unknown): string {
  if (typeof given === "number") return `${given} px`;
  if (Array.isArray(given)) return `${given.join(" × ")} px`;
  return given === "original" ? "original size" : "";
}
