/* The page without this is a plain list; swagger-ui takes its place. */
window.SwaggerUIBundle({
    url: "openapi.json",
    domNode: document.getElementById("docs"),
    deepLinking: true,
    tryItOutEnabled: true,
    persistAuthorization: false,
    validatorUrl: null,
});
