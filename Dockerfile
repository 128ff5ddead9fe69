# The server of the pages and of signaling. It trains nothing and keeps nothing.
#   npm pack && docker build -t tabtrain . && docker run -p 8080:8080 tabtrain --origin https://example.org
FROM node:20-slim
COPY tabtrain-*.tgz /tmp/
# why removed: only programs that train use them, and they are nine tenths of the image
RUN npm install --global --ignore-scripts /tmp/tabtrain-*.tgz \
  && cd "$(npm root --global)/tabtrain/node_modules" \
  && rm -rf webgpu playwright-core @roamhq /tmp/tabtrain-*.tgz /root/.npm
USER node
EXPOSE 8080
ENTRYPOINT ["tabtrain", "start", "--host", "0.0.0.0", "--port", "8080"]
