// Dark or light: as the system says, until the button is pressed.

const system = matchMedia("(prefers-color-scheme: dark)");

function stored(): string | null {
  try {
    return localStorage.getItem("impasto.theme");
  } catch {
    return null;
  }
}

class Theme {
  chosen = $state<string | null>(stored());
  system = $state(system.matches);
  dark = $derived(this.chosen ? this.chosen === "dark" : this.system);

  constructor() {
    system.addEventListener("change", (event) => (this.system = event.matches));
  }

  toggle(): void {
    const next = this.dark ? "light" : "dark";
    this.chosen = next === (this.system ? "dark" : "light") ? null : next;
    try {
      if (this.chosen) localStorage.setItem("impasto.theme", this.chosen);
      else localStorage.removeItem("impasto.theme");
    } catch {
      // not kept, then
    }
  }
}

export const theme = new Theme();
