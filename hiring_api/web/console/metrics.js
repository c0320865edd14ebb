// How many were hired, by department and quarter.

import { call } from "./api.js";
import { address, go } from "./address.js";
import { button, el, field, heading, save, section } from "./dom.js";

export const title = () => "Metrics";

const METRICS = [
  ["/metrics/above-mean", "Departments above the mean"],
  ["/metrics/hired-by-quarter", "Hires by quarter"],
];

export async function show(place, { query, signal }) {
  const year = el("input", { type: "number", min: "1000", max: "9999", required: true, name: "year" });
  year.addEventListener("change", () => {
    if (year.reportValidity()) go(address("metrics", [], { year: year.value }));
  });
  const charts = METRICS.map(([path, text]) => {
    const picture = el("img", { alt: text });
    return { path, picture, part: section(text, el("figure", {}, picture), el("p", { class: "actions" },
      button("CSV", async () => {
        const answer = await call(`${path}?year=${year.value}`, { accept: "text/csv", signal });
        save(await answer.blob(), `${path.split("/").pop()}-${year.value}.csv`);
      }))) };
  });
  place.append(heading("Metrics"), el("form", { class: "choices" }, field("Year", year)),
    ...charts.map(({ part }) => part));
  const update = (state) => {
    year.value = state.get("year") ?? "2021";
    for (const { path, picture } of charts) picture.src = `${path}?year=${encodeURIComponent(year.value)}`;
  };
  update(query);
  return update;
}
