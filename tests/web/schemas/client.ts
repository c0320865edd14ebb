// A client of the types that openapi-typescript makes of the document: sends a batch twice, lists, downloads.
// Usage: node client.js ADDRESS USER PASSWORD; prints what it was answered as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const [address = "", user = "", password = ""] = process.argv.slice(2);
const client = createClient<paths, "application/json" | "application/problem+json">({
  baseUrl: address,
  headers: { Authorization: `Basic ${btoa(`${user}:${password}`)}` },
});

const departments: components["schemas"]["DepartmentsNewRow"][] = [
  { id: 1, department: "Law" },
  { id: 2, department: "x".repeat(256) },
];
const request = {
  params: { header: { "Idempotency-Key": "typescript-1" } },
  body: { departments },
};
const batch = await client.POST("/batch", request);
const again = await client.POST("/batch", request);

const list = await client.GET("/departments", { params: { query: { limit: 1, total: true } } });
const names: string[] | undefined = list.data?.items.map((row) => row.department);

const wrong = await client.GET("/departments", { params: { query: { limit: 1001 } } });
const backup = await client.GET("/backup/all", { parseAs: "arrayBuffer" });

console.log(
  JSON.stringify({
    batch: [batch.response.status, batch.data],
    replayed: again.response.headers.get("Idempotency-Replayed"),
    list: [list.response.status, names, list.data?.total],
    wrong: [wrong.response.status, wrong.error?.detail],
    backup: [backup.response.status, backup.data?.byteLength],
  }),
);
