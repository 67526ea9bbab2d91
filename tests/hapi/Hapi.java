// HAPI HL7v2 for the tests: what it reads in a message, and what it hears as a sender.
// Run from source: java -cp 'folder/*' Hapi.java parse | send HOST PORT
// In: one message a line, as base64 of UTF-8. Out: lines of tab-separated words, values as base64.

import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.HL7Exception;
import ca.uhn.hl7v2.HapiContext;
import ca.uhn.hl7v2.app.Connection;
import ca.uhn.hl7v2.model.AbstractSegment;
import ca.uhn.hl7v2.model.Group;
import ca.uhn.hl7v2.model.Message;
import ca.uhn.hl7v2.model.Segment;
import ca.uhn.hl7v2.model.Structure;
import ca.uhn.hl7v2.parser.CanonicalModelClassFactory;
import ca.uhn.hl7v2.parser.PipeParser;
import ca.uhn.hl7v2.util.Terser;
import ca.uhn.hl7v2.validation.impl.ValidationContextFactory;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;

public class Hapi {
    static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);

    public static void main(String[] arguments) throws Exception {
        HapiContext context = new DefaultHapiContext();
        context.setValidationContext(ValidationContextFactory.noValidation());
        // Every version is read by the structures of 2.5.1.
        context.setModelClassFactory(new CanonicalModelClassFactory("2.5.1"));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        List<String> messages = new ArrayList<>();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            messages.add(new String(Base64.getDecoder().decode(line), StandardCharsets.UTF_8));
        }
        if (arguments[0].equals("parse")) {
            for (String message : messages) {
                parse(context.getPipeParser(), message);
            }
        } else {
            send(context, arguments[1], Integer.parseInt(arguments[2]), messages);
        }
        OUT.flush();
        context.close();
        System.exit(0);
    }

    static void parse(PipeParser parser, String text) {
        say("message");
        try {
            walk(parser.parse(text), "");
        } catch (HL7Exception | RuntimeException error) {
            say("refused", error.getClass().getSimpleName());
        }
    }

    static void walk(Group group, String path) throws HL7Exception {
        for (String name : group.getNames()) {
            Structure[] found = group.getAll(name);
            for (int number = 0; number < found.length; number++) {
                String here = path + "/" + name + "(" + number + ")";
                if (found[number] instanceof Group) {
                    walk((Group) found[number], here);
                } else if (!found[number].isEmpty()) {
                    tell((Segment) found[number], here);
                }
            }
        }
    }

    static void tell(Segment segment, String path) throws HL7Exception {
        List<String> words = new ArrayList<>(List.of("segment", segment.getName(), path));
        switch (segment.getName()) {
            case "MSH":
                value(words, segment, 10, 0, 1, 1);
                break;
            case "PID":
                for (int number = 0; number < segment.getField(3).length; number++) {
                    value(words, segment, 3, number, 1, 1);
                    value(words, segment, 3, number, 4, 1);
                    value(words, segment, 3, number, 5, 1);
                }
                break;
            case "ORC":
            case "OBR":
                value(words, segment, 2, 0, 1, 1);
                value(words, segment, 3, 0, 1, 1);
                break;
            default:
                break;
        }
        say(words.toArray(new String[0]));
    }

    static void value(List<String> words, Segment segment, int field, int repetition, int component, int sub)
            throws HL7Exception {
        String found = Terser.get(segment, field, repetition, component, sub);
        words.add(coded(found == null ? "" : found));
    }

    static void send(HapiContext context, String host, int port, List<String> messages) throws Exception {
        Connection connection = context.newClient(host, port, false);
        connection.getInitiator().setTimeout(60, TimeUnit.SECONDS);
        for (String text : messages) {
            try {
                Message answer = connection.getInitiator().sendAndReceive(context.getPipeParser().parse(text));
                Terser terser = new Terser(answer);
                String where = "";
                for (Structure one : answer.getAll("ERR")) {
                    where = ((AbstractSegment) one).isEmpty() ? "" : Terser.get((Segment) one, 2, 0, 1, 1)
                            + "-" + Terser.get((Segment) one, 2, 0, 3, 1);
                }
                say("answer", coded(terser.get("/MSA-1")), coded(terser.get("/MSA-2")), coded(where));
            } catch (HL7Exception error) {
                say("none", error.getClass().getSimpleName());
            }
        }
        connection.close();
    }

    static String coded(String value) {
        return "=" + Base64.getEncoder().encodeToString(value.getBytes(StandardCharsets.UTF_8));
    }

    static void say(String... words) {
        OUT.println(String.join("\t", words));
    }
}
