const text = document.getElementById("text");
const wrong = document.getElementById("wrong");
const queries = [...document.querySelectorAll(".query")];
function show() {
  const wanted = text.value.trim().toLowerCase();
  let shown = 0;
  for (const query of queries) {
    const visible = query.dataset.text.includes(wanted) && (!wrong?.checked || "wrong" in query.dataset);
    query.hidden = !visible;
    shown += visible;
  }
  document.getElementById("shown").textContent = `${shown} of ${queries.length} queries`;
}
text.addEventListener("input", show);
wrong?.addEventListener("change", show);
show();
