// Starts Swagger UI on this API's own document.
"use strict";

SwaggerUIBundle({
  dom_id: "#swagger-ui",
  // A relative address would take over the user and password of http://user:password@host/, which fetch refuses
  url: location.origin + "/openapi.json",
  // Swagger UI would send the document to an outside service
  validatorUrl: null,
  deepLinking: true,
});
