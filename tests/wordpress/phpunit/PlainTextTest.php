<?php

use Relay_Connector\Events\Plain_Text;

/** The only decoder. */
final class PlainTextTest extends RelayTestCase {

	/** HTML, and what a person reads. */
	public function html() {
		return array(
			'entities'                => array( 'Tom &amp; Jerry &#8230; R&amp;D', 'Tom & Jerry … R&D' ),
			'a link in the text'      => array( 'see https://example.com/?a=1&amp;b=2 now', 'see https://example.com/?a=1&b=2 now' ),
			'tags'                    => array( 'R&amp;D <b>bold</b> and <em class="x>y">more</em>', 'R&D bold and more' ),
			'what looks like a tag'   => array( 'a &lt; b, &lt;b&gt; and 3<5V>1', 'a < b, <b> and 3<5V>1' ),
			'decoded once'            => array( '&amp;eacute; &amp;amp; &amp;lt;b&amp;gt;', '&eacute; &amp; &lt;b&gt;' ),
			'line breaks'             => array( "one<br>two<br />\nthree", "one\ntwo\nthree" ),
			'paragraphs'              => array( "<p>one</p>\n<p>two</p><p>three</p>", "one\n\ntwo\n\nthree" ),
			'lines of a comment'      => array( "one\ntwo\n\nthree", "one\ntwo\n\nthree" ),
			'a list'                  => array( '<ul><li>one</li><li>two</li></ul>', "- one\n- two" ),
			'a named link'            => array( '<a href="https://example.com/?a=1&amp;b=2" rel="nofollow">my page</a>', 'my page (https://example.com/?a=1&b=2)' ),
			'a link that names itself' => array( "<a rel='x' href='https://example.com/'>https://example.com</a>", 'https://example.com' ),
			'a script'                => array( 'x<script>alert("1 < 2")</script>y<!-- z -->', 'xy' ),
			'an old editor'           => array( 'a &#150; b', 'a – b' ),
			'an emoji of an old table' => array( '&#x1f600; 😀', '😀 😀' ),
			'a quote'                 => array( '<blockquote>said</blockquote>answer', "said\nanswer" ),
			'no entity'               => array( 'AT&T ?a=1&copy=2 &unknown;', 'AT&T ?a=1&copy=2 &unknown;' ),
			'invalid UTF-8'           => array( "Gr\xfc\xdfe &amp; <b>more</b> 😀", 'Gr??e & more 😀' ),
			'control characters'      => array( "a\x00b\x07c&#7;", 'abc&#7;' ),
		);
	}

	/** @dataProvider html */
	public function test_html_becomes_what_a_person_reads( $html, $text ) {
		$this->assertSame( $text, Plain_Text::from_html( $html ) );
	}

	/** Titles and names, and what a person reads. */
	public function titles() {
		return array(
			array( 'Cable 3<5V>1', 'Cable 3<5V>1' ),
			array( 'Adapter <USB-C> to <HDMI>, <A> key', 'Adapter <USB-C> to <HDMI>, <A> key' ),
			array( 'Hoodie &#8211; blue', 'Hoodie – blue' ),
			array( 'Caf&eacute;', 'Café' ),
			array( '5&nbsp;kg', "5\u{a0}kg" ),
			array( 'Tom &amp; Jerry&#039;s &quot;R&amp;D&quot;', 'Tom & Jerry\'s "R&D"' ),
			array( 'I typed &amp;amp;', 'I typed &amp;' ),
			array( "Blue <span class='x'><b>teapot</b></span><br/>large\n", 'Blue teapot large' ),
			array( 'I agree to the <a href="https://example.com/terms">terms</a> *', 'I agree to the terms *' ),
			array( str_repeat( '😀', 300 ), str_repeat( '😀', 200 ) ),
			array( array( 'no text' ), '' ),
		);
	}

	/** @dataProvider titles */
	public function test_a_title_is_decoded_once_and_keeps_what_is_no_markup( $stored, $text ) {
		$this->assertSame( $text, Plain_Text::from_title( $stored ) );
	}

	/** What a visitor types into one line that WordPress sanitizes. */
	public function typed() {
		return array( array( 'Tom & Jerry' ), array( 'I typed &amp; and &eacute;' ), array( '3 < 5 & "x" and it\'s > 1' ), array( 'a <' ), array( 'Größe 😀' ), array( 'https://example.com/?a=1&b=2' ) );
	}

	/** @dataProvider typed */
	public function test_sanitized_text_is_restored_to_what_was_typed( $typed ) {
		$this->assertSame( $typed, Plain_Text::from_sanitized( sanitize_text_field( $typed ) ) );
	}

	public function test_typed_text_stays_as_it_is() {
		$this->assertSame( "<b>x</b> &amp; 3<5V>1\nGr??e", Plain_Text::of( "<b>x</b> &amp; 3<5V>1\r\nGr\xfc\xdfe", Plain_Text::TYPED ) );
	}

	/** Markup that makes careless patterns slow. */
	public function traps() {
		return array( array( '<a href="x">' ), array( '<script>' ), array( '<b title="' ), array( '<!--' ), array( '<p' ), array( '<li>' ), array( '<b><i>' ), array( '&lt;' ), array( "\n <div" ) );
	}

	/** @dataProvider traps */
	public function test_no_text_takes_long( $piece ) {
		$text  = substr( str_repeat( $piece, 60000 ), 0, 65000 );
		$start = microtime( true );
		Plain_Text::from_html( $text );
		Plain_Text::from_title( $text );
		Plain_Text::from_sanitized( $text );
		$this->assertLessThan( 1, microtime( true ) - $start );
	}

	public function test_a_large_and_broken_text_is_kept() {
		$text = str_repeat( '<b title="', 20000 ) . 'end';
		$this->assertStringEndsWith( 'end', Plain_Text::from_html( $text ) );
		$this->assertStringEndsWith( 'end', Plain_Text::from_html( str_repeat( '<a href="https://x.example">', 20000 ) . 'end' ) );
		$this->assertStringEndsWith( 'end', Plain_Text::from_html( str_repeat( '<div>a &amp; b</div> ', 20000 ) . 'end' ) );
		$this->assertStringStartsWith( '<b>', Plain_Text::from_title( str_repeat( '<b>', 20000 ), 30 ) );
	}
}
