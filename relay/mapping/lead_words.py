"""The words that form labels use for a person's data, in many languages.  Pure: standard library only.

All words are in lower case and without accents, as ``words_of`` returns them.  A phrase is a set of
words: ``first name`` also stands for ``name_first``.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MAX_LABEL = 200
MAX_WORDS = 7  # a longer label is a sentence, not the name of a field
LETTERS = str.maketrans(
    {"ß": "ss", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ı": "i", "þ": "th", "ð": "d"}
)
LOWER_THEN_UPPER = re.compile(r"(?<=[a-z])(?=[A-Z])")
WORD = re.compile(r"[^\W\d_]+")

# Words that do not change what a field is: "Your name", "Bitte geben Sie Ihren Namen ein".
FILLERS = frozenset(
    # English, and names of fields in form plugins
    "a an and are contact customer client enter field form guest here i in input is its label mandatory may my of "
    "optional please required s the this to type us value visitor we what write you your "
    # German
    "angeben bitte das dein deine deinen dem den der des die eingeben ein eine einen geben hier ihr ihre ihren ihrer "
    "ihnen ist kontakt kunde kunden lautet pflichtfeld sie und wie wir "
    # French
    "c ce ces client d de du entrer entrez est et facultatif ici indiquez l la le les ma mes mon n obligatoire "
    "quel quelle renseignez saisir saisissez ton veuillez vos votre vous "
    # Spanish, Portuguese, Italian
    "al che ci con contacto contato contatto cual da dei del della di digite do dos e el es escriba escribe favor "
    "il indique informe ingrese inserisci introduce introduzca la lo los mi nos o obbligatorio obligatorio "
    "obrigatorio opcional para per por qual seu scrivi si su sua suo tu tua tuo teu un una vostra vostro y "
    # Dutch
    "een en het hier je jouw klant mijn optioneel uw van verplicht vul wat "
    # Polish
    "i jest jaki jakie lub o opcjonalne podaj prosze swoj swoje swoja twoj twoja twoje wpisz wymagane "
    # Swedish, Danish, Norwegian
    "ange ar din dit ditt er frivilligt hvad indtast och og obligatorisk obligatoriskt pakraevet skriv vad valfritt "
    "valgfrit vi vad "
    # Czech, Finnish
    "a vas vase prosim sinun oma ja".split()
)


# Fillers that can make a phrase: "contact number" is a phone number, "number" is not.
CONTACT = frozenset(("contact", "kontakt", "back"))


def _phrases(text: str) -> frozenset[frozenset[str]]:
    found = [frozenset(phrase.split()) for phrase in text.split(",")]
    return frozenset(phrase if phrase & CONTACT else phrase - FILLERS or phrase for phrase in found)


# What a whole label is, apart from fillers.
PHRASES: dict[str, frozenset[frozenset[str]]] = {
    "email": _phrases(
        "email,mail,email address,mail address,emailaddress,emailadresse,mailadresse,email adresse,mail adresse,"
        "adresse email,adresse mail,courriel,adresse courriel,adresse electronique,correo,correo electronico,"
        "direccion correo,direccion correo electronico,direccion email,indirizzo email,indirizzo mail,"
        "posta elettronica,indirizzo posta elettronica,emailadres,mailadres,email adres,endereco email,"
        "correio eletronico,adres email,adres mail,adres poczty elektronicznej,poczta,epost,epostadress,"
        "epostadresse,email adress,mailadress,sahkoposti,sahkopostiosoite,mailova adresa,correu electronic"
    ),
    "first_name": _phrases(
        "first name,firstname,first,given name,givenname,forename,vorname,vornamen,prenom,prenoms,nombre pila,"
        "primer nombre,voornaam,voornamen,primeiro nome,imie,fornamn,fornavn,etunimi,krestni jmeno,nom first,"
        "fname,nome proprio,names first name"
    ),
    "last_name": _phrases(
        "last name,lastname,last,surname,family name,familyname,nachname,nachnamen,familienname,zuname,nom famille,"
        "apellido,apellidos,primer apellido,cognome,achternaam,familienaam,sobrenome,apelido,apelidos,ultimo nome,"
        "nazwisko,efternamn,efternavn,etternavn,sukunimi,prijmeni,lname,names last name"
    ),
    "name": _phrases(
        "name,names,namen,full name,fullname,whole name,complete name,first last name,first name last name,"
        "first name surname,name surname,given name family name,person,vor nachname,vorname nachname,vorname name,"
        "vollstandiger name,ganzer name,voller name,ansprechpartner,ansprechpartnerin,ansprechperson,kontaktperson,"
        "nom,noms,nom prenom,nom prenoms,prenom nom,nom complet,interlocuteur,nombre,nombres,nombre apellido,"
        "nombre apellidos,nombre completo,persona,nome,nome cognome,nome completo,nome sobrenome,nome apelido,"
        "naam,voornaam achternaam,voor achternaam,volledige naam,contactpersoon,imie nazwisko,namn,for efternamn,"
        "fornamn efternamn,fullstandigt namn,navn,for efternavn,fornavn efternavn,fulde navn,fullt navn,nimi,"
        "koko nimi,jmeno,jmeno prijmeni,cele jmeno"
    ),
    "phone": _phrases(
        "phone,telephone,tel,fon,phone number,telephone number,phone no,tel no,mobile,mobile number,mobile phone,"
        "mobile phone number,cell,cell phone,cellphone,cell number,contact number,call back number,whatsapp,"
        "whatsapp number,phone fax,phone mobile,telefon,telefon fax,telefonnummer,telefon nummer,telefon mobil,"
        "mobil,mobilnummer,mobiltelefon,handy,handynummer,handy nummer,rufnummer,ruckrufnummer,festnetz,"
        "numero telephone,tel portable,telephone portable,portable,numero portable,mobile portable,gsm,telefono,"
        "numero telefono,telefono movil,movil,numero movil,celular,numero celular,telefono fijo,"
        "cellulare,numero cellulare,recapito telefonico,numero telefonico,telefoon,telefoonnummer,telefoon nummer,"
        "mobiel,mobiele nummer,mobiel nummer,gsm nummer,telefone,numero telefone,telemovel,numero telemovel,"
        "numer telefonu,nr telefonu,numer tel,komorka,telefon komorkowy,telefonnr,mobilnr,mobiltelefonnummer,"
        "puhelin,puhelinnumero,telefonni cislo"
    ),
    "company": _phrases(
        "company,company name,companyname,business,business name,organization,organization name,organisation,"
        "organisation name,employer,firm,firma,firmenname,firma name,unternehmen,unternehmensname,"
        "unternehmen name,betrieb,arbeitgeber,verein,institution,firma organisation,unternehmen organisation,"
        "entreprise,nom entreprise,societe,nom societe,raison sociale,organisme,structure,empresa,nombre empresa,"
        "compania,nombre compania,razon social,organizacion,negocio,azienda,nome azienda,ditta,nome ditta,societa,"
        "nome societa,ragione sociale,organizzazione,bedrijf,bedrijfsnaam,naam bedrijf,organisatie,"
        "naam organisatie,nome empresa,razao social,organizacao,companhia,nazwa firmy,nazwa przedsiebiorstwa,"
        "organizacja,przedsiebiorstwo,foretag,foretagsnamn,foretag namn,bolag,virksomhed,virksomhedsnavn,"
        "firmanavn,firmanamn,bedrift,bedriftsnavn,yritys,yrityksen nimi,spolecnost,nazev firmy,firma empresa,"
        "company organization,company organisation,school,university"
    ),
    "message": _phrases(
        "message,messages,comment,comments,comments questions,question,questions,questions comments,enquiry,inquiry,"
        "request,details,description,textarea,note,notes,remark,remarks,feedback,additional information,"
        "anything else,how can help,nachricht,mitteilung,anliegen,anfrage,frage,fragen,kommentar,"
        "kommentare,bemerkung,bemerkungen,anmerkung,anmerkungen,wie konnen helfen,commentaire,commentaires,"
        "demande,remarque,remarques,comment pouvons aider,mensaje,comentario,comentarios,consulta,pregunta,"
        "preguntas,como podemos ayudarte,messaggio,commento,commenti,richiesta,domanda,note aggiuntive,bericht,"
        "opmerking,opmerkingen,vraag,vragen,toelichting,mensagem,duvida,duvidas,pedido,wiadomosc,tresc,"
        "tresc wiadomosci,pytanie,komentarz,uwagi,zapytanie,meddelande,fraga,fragor,beskrivning,besked,"
        "sporgsmal,bemaerkning,bemaerkninger,melding,viesti,zprava,dotaz"
    ),
}
# Single words that are enough if nothing in the label speaks against them.
WORDS: dict[str, frozenset[str]] = {
    role: frozenset(text.split())
    for role, text in {
        "email": "email emailaddress emailadresse emailadres mailadresse courriel correo epost epostadress "
        "epostadresse sahkoposti",
        "phone": "phone telephone tel telefon telefonnummer telefono telefone telefoon telefoonnummer telefonu mobile "
        "mobilnummer handy handynummer cellphone movil celular cellulare telemovel rufnummer puhelin whatsapp",
        "company": "company companyname firma firmenname firmy unternehmen unternehmensname entreprise societe "
        "empresa azienda bedrijf bedrijfsnaam organization organisation organisatie organizacion organizzazione "
        "foretag foretagsnamn virksomhed virksomhedsnavn",
        "message": "message nachricht mensaje messaggio bericht mensagem wiadomosc wiadomosci meddelande besked "
        "comments kommentar commentaire comentarios opmerkingen anliegen anfrage enquiry inquiry",
    }.items()
}
# Words that make a label about something else, in spite of a word above.
AGAINST: frozenset[str] = frozenset(
    # how and when to reach someone
    "prefer preferred preference best time times when how which method way via reach bevorzugt bevorzugte "
    "bevorzugter wunsch zeit uhrzeit wann welche erreichbar prefere preferee heure quand horaire moyen comment "
    "preferido preferida medio hora horario cuando como preferito preferita orario quando come voorkeur tijd "
    "tijdstip wanneer hoe preferowany preferowana preferowane kiedy godzina tid tidpunkt nar hur "
    "foredragen foretrukken foretrukket hvornar hvordan kontaktmetod "
    # other people
    "friend friends colleague referral referred referrer emergency spouse partner recommended freund freundes "
    "freundin kollege notfall ami amie collegue urgence amigo amiga emergencia amico amica emergenza vriend "
    "noodgeval przyjaciela vans van nodsituation ven "
    # a choice or permission, not the datum
    "newsletter subscribe updates news agree accept consent allow permission marketing notify notifications "
    "einwilligung zustimmung abonnieren privacy privacidad privacidade riservatezza datenschutz represent "
    # things
    "model brand device provider software system modell marke modele marque modelo marca modello merk subject "
    "betreff objet asunto oggetto onderwerp assunto temat amne emne fax confirm confirmation repeat wiederholen "
    # facts about a company
    "size employees staff revenue industry sector website url site role position job title registration vat tax id "
    "groesse mitarbeiter branche anzahl taille effectif secteur fonction tamano empleados cargo dimensione "
    "dipendenti settore ruolo grootte medewerkers functie setor funcionarios wielkosc branza storlek anstallda "
    "storrelse medarbejdere address adresse adresses direccion indirizzo adres endereco adress number nummer "
    "nip siret iva".split()
)
CHOICE = frozenset(
    "or oder ou of eller lub vel".split()
)  # "phone or mail" asks how to reach someone
NUMBERS = frozenset("number nummer numero numer nr no".split())  # say nothing against a phone
ADDRESS_WORDS = frozenset("address adresse direccion indirizzo adres endereco adress".split())
OTHER_PEOPLE = frozenset(
    "friend friends colleague referral referred referrer emergency spouse recommended freund freundes freundin "
    "kollege notfall ami amie collegue urgence amigo amiga emergencia amico amica emergenza vriend noodgeval "
    "przyjaciela ven".split()
)


def words_of(label: str) -> tuple[str, ...]:
    """The words of a label: ``your-eMail_2`` and ``Your E-mail`` are ``your``, ``email``."""
    text = LOWER_THEN_UPPER.sub(" ", label[:MAX_LABEL].replace("eMail", "email"))
    plain = unicodedata.normalize("NFKD", text.casefold().translate(LETTERS))
    found = WORD.findall("".join(c for c in plain if not unicodedata.combining(c)))
    words: list[str] = []
    for word in found:
        if words and words[-1] == "e" and word.startswith(("mail", "post")):
            words[-1] = "e" + word
        else:
            words.append(word)
    return tuple(words)


@lru_cache(maxsize=4096)
def fit(label: str, role: str) -> int:
    """How well a label fits a role of ``PHRASES``: 2 if it is that, 1 if it mentions it, 0 if not."""
    words = words_of(label)
    core = frozenset(words) - FILLERS
    if {core, frozenset(words), frozenset(words) - (FILLERS - CONTACT)} & PHRASES[role]:
        return 2
    if len(words) > MAX_WORDS or not WORDS.get(role, frozenset()) & core:
        return 0
    if role == "phone":
        against = (AGAINST | CHOICE) - NUMBERS
    elif role == "email":
        against = (AGAINST | CHOICE) - ADDRESS_WORDS
    else:
        against = AGAINST | WORDS["phone"] | WORDS["email"]
    if against.intersection(words) or ("?" in label and role != "message"):
        return 0
    return 1


@lru_cache(maxsize=4096)
def is_about_another_person(label: str) -> bool:
    return bool(OTHER_PEOPLE.intersection(words_of(label)))
