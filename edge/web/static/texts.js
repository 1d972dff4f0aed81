// Every word on the page comes from station_config/*.toml by code.
const tables = {};
let language = "id";

export async function loadTexts() {
  for (const name of ["id", "en"]) tables[name] = await (await fetch(`/api/texts/${name}`)).json();
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

export function deviceName(name) {
  return has(`device_${name}`) ? t(`device_${name}`) : name;
}

export function groupNik(nik) {
  return (nik || "").replace(/(\d{4})(?=\d)/g, "$1 ");
}
