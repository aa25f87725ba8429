// Draws openapi.json: operations by tag, then the schemas that they name.
"use strict";

function element(name, content, attributes = {}) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  for (const part of [content ?? []].flat()) made.append(part);
  return made;
}

// What a schema is, as text and links to the schemas it names.
function type(schema) {
  if (!schema) return ["nothing"];
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return [element("a", name, { href: `#schema-${name}` })];
  }
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return choices.flatMap((choice, at) => (at ? [" or "] : []).concat(type(choice)));
  if (schema.allOf) return schema.allOf.flatMap((part, at) => (at ? [" with "] : []).concat(type(part)));
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(" | ")];
  const names = [schema.type ?? "anything"].flat();
  if (names.includes("array")) {
    const items = schema.items ? type(schema.items) : ["anything"];
    return ["[", ...items, "]", ...(names.includes("null") ? [" or null"] : [])];
  }
  if (names.includes("object") && schema.properties) {
    const fields = Object.entries(schema.properties);
    return ["{", ...fields.flatMap(([key, value], at) => [at ? ", " : "", `${key}: `, ...type(value)]), "}"];
  }
  return [names.join(" or ") + (schema.format ? ` (${schema.format})` : "")];
}

function table(rows) {
  return element("table", rows.map((row) => element("tr", row.map((cell) => element("td", cell)))));
}

function operation(method, path, about) {
  const parts = [element("summary", [
    element("span", method.toUpperCase(), { class: "method" }), element("code", path),
  ])];
  if (about.summary) parts.push(element("p", about.summary));
  if (about.description && about.description !== about.summary) parts.push(element("p", about.description));
  const parameters = (about.parameters ?? []).map((one) => [
    element("code", one.name), `${one.in}${one.required ? "" : ", optional"}`, type(one.schema), one.description ?? "",
  ]);
  if (parameters.length) parts.push(element("h4", "Parameters"), table(parameters));
  const body = about.requestBody?.content ?? {};
  for (const [kind, content] of Object.entries(body)) {
    parts.push(element("h4", "Body"), element("p", [`${kind}: `, ...type(content.schema)]));
  }
  const answers = Object.entries(about.responses ?? {}).map(([status, answer]) => [
    element("code", status), answer.description ?? "",
    Object.entries(answer.content ?? {}).flatMap(([kind, content]) => [`${kind}: `, ...type(content.schema)]),
  ]);
  parts.push(element("h4", "Answers"), table(answers));
  return element("details", parts);
}

function schema(name, about) {
  const parts = [element("summary", element("code", name))];
  if (about.description) parts.push(element("p", about.description));
  for (const variant of about.oneOf ?? about.allOf ?? [about]) {
    if (variant !== about && variant.description) parts.push(element("p", variant.description, { class: "note" }));
    const fields = Object.entries(variant.properties ?? {}).map(([key, value]) => [
      element("code", key), (variant.required ?? []).includes(key) ? "" : "optional", type(value), value.description ?? "",
    ]);
    parts.push(fields.length ? table(fields) : element("p", type(variant)));
  }
  return element("details", parts, { id: `schema-${name}` });
}

async function draw() {
  const api = await (await fetch("/api/openapi.json")).json();
  const tags = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, about] of Object.entries(methods)) {
      const tag = about.tags?.[0] ?? "other";
      tags.set(tag, [...(tags.get(tag) ?? []), operation(method, path, about)]);
    }
  }
  const main = document.querySelector("main");
  const nav = document.querySelector("nav");
  main.replaceChildren();
  for (const [tag, operations] of tags) {
    nav.append(element("a", tag, { href: `#${tag}` }));
    main.append(element("h2", tag, { id: tag }), ...operations);
  }
  nav.append(element("a", "schemas", { href: "#schemas" }));
  main.append(element("h2", "schemas", { id: "schemas" }));
  main.append(...Object.entries(api.components?.schemas ?? {}).map(([name, about]) => schema(name, about)));
  const opened = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.tagName === "DETAILS") target.open = true;
  };
  addEventListener("hashchange", opened);
  opened();
}

draw().catch((problem) => { document.querySelector("main").textContent = `openapi.json cannot be shown: ${problem}`; });
