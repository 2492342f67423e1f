mkdir -p t/sticky t/empty
chmod 1777 t/sticky
echo s >t/set-id && chmod 6755 t/set-id
echo one >t/one && ln t/one t/two && ln t/one t/empty/three
mkfifo t/pipe
printf x >$'t/new\nline and blank'
printf u >t/$'\303\274'
long=$(printf 'n%.0s' $(seq 120))
mkdir -p "t/$long"
printf l >"t/$long/$long"
ln -s "$long/$long" t/link
touch -d @1234567890 t/one
touch -h -d @1111111111 t/link
touch -d @999999999 t/sticky
