// Every word on the page comes from station_config/*.toml by code.
const tables = {};
let language = "id";

const AGAIN_MS = 1000;

// A station that is just starting may not answer yet: the page waits for it instead of staying empty.
export async function loadTexts() {
  for (const name of ["id", "en"]) {
    for (;;) {
      const answer = await fetch(`/api/texts/${name}`).catch(() => null);
      tables[name] = answer?.ok ? await answer.json().catch(() => null) : null;
      if (tables[name]) break;
      await new Promise((done) => setTimeout(done, AGAIN_MS));
    }
  }
}

export function useLanguage(name) {
  language = name;
  document.documentElement.lang = name;
}

export function has(code) {
  return code in tables[language];
}

export function t(code, values = {}) {
  const text = tables[language][code] ?? code;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export function targetName(target) {
  const exact = `target_${target.kind}_${target.position}`;
  return t(has(exact) ? exact : `target_${target.kind}`);
}

export function capital(words) {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

// Every UPS is a device of its own: `ups-` and its name.
export function deviceName(name) {
  if (name.startsWith("ups-")) return `${t("device_ups")} ${name.slice(4)}`;
  return has(`device_${name}`) ? t(`device_${name}`) : name;
}

// What to do about it. Not everything may be unplugged: a camera hangs on a ribbon, and the UPS carries the station.
export function deviceFix(name) {
  const own = `device_fix_${name.startsWith("ups-") ? "ups" : name}`;
  return t(has(own) ? own : "device_fix");
}

// A controller's alarms by their names in protocols/gencomm.py.
export function alarmWords(names) {
  return names.map((name) => (has(`engine_alarm_${name}`) ? t(`engine_alarm_${name}`) : name.replaceAll("_", " "))).join(", ");
}

export function groupNik(nik) {
  return (nik || "").replace(/(\d{4})(?=\d)/g, "$1 ");
}
