// The administration's fields that look things up have no name of their own: they take their label's.
const nameThem = () => {
  for (const field of document.querySelectorAll("select.admin-autocomplete")) {
    const label = document.querySelector(`label[for="${field.id}"]`);
    const box = field.parentElement.querySelector(".select2-container");
    if (!label || !box) continue;
    for (const part of box.querySelectorAll("[role=combobox]:not([aria-label]), [role=textbox]:not([aria-label])")) {
      part.removeAttribute("aria-labelledby");
      part.setAttribute("aria-label", label.textContent.trim());
    }
  }
};
new MutationObserver(nameThem).observe(document.documentElement, { childList: true, subtree: true });
