"use strict";
// Sorting and filtering; without it the page is whole, only in one order.
for (const table of document.querySelectorAll("table.sorts")) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (head.tagName !== "TH") return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => {
        const cell = row.cells[column];
        return cell.dataset.v === undefined ? cell.textContent.trim() : Number(cell.dataset.v);
      };
      const rows = [...body.rows].map((row) => [key(row), row]);
      rows.sort(([a], [b]) => {
        const order = typeof a === "number" && typeof b === "number" ? a - b
          : typeof a === "number" ? -1 : typeof b === "number" ? 1
          : a.localeCompare(b, "en", { numeric: true });
        return down ? -order : order;
      });
      body.append(...rows.map(([, row]) => row));
    });
  });
}
for (const bar of document.querySelectorAll(".filters")) {
  const rows = [...document.getElementById(bar.dataset.for).tBodies[0].rows];
  const words = rows.map((row) => row.textContent.toLowerCase());
  const find = bar.querySelector(".find");
  const by = [...bar.querySelectorAll(".by")];
  const count = bar.querySelector(".count");
  const apply = () => {
    const wanted = find.value.toLowerCase();
    let shown = 0;
    rows.forEach((row, i) => {
      const kept = words[i].includes(wanted) && by.every((box) => !box.value || row.dataset[box.dataset.key] === box.value);
      row.hidden = !kept;
      shown += kept;
    });
    count.textContent = `${shown} of ${rows.length}`;
  };
  find.addEventListener("input", apply);
  for (const box of by) box.addEventListener("change", apply);
  bar.hidden = false;
  apply();
}
